"""``blrcs audit follow``: hands new records on, as they come."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from blrcs.cli.audit_filter import DecisionOption, Method, Principal, Resource, event_filter
from blrcs.cli.audit_target import DataFolder, data_directory_of, reader_of
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

FOLLOW_PERIOD_S = 0.5


def follow(
    data_directory: DataFolder = None,
    principal: Principal = "",
    method: Method = "",
    resource: Resource = "",
    decision: DecisionOption = "",
    cursor: Annotated[
        Path | None,
        typer.Option(
            help="A file that notes how far: the next one with it goes on there. The first begins"
            " with all that is kept."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="A file to add the records to, each once, whoever is killed; needs --cursor."
        ),
    ] = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End when all that there is was written; needs --cursor.")
    ] = False,
) -> None:
    """Write new records as JSON Lines, as they come, until it is interrupted."""
    from blrcs.audit.cursor import Cursor, CursorError, held_cursor  # noqa: PLC0415 - see package
    from blrcs.audit.handing_on import HandingOn, OutputFile, StandardOutput  # noqa: PLC0415

    if cursor is None and (output is not None or once):
        raise typer.BadParameter("--output and --once need a --cursor")
    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    wanted = event_filter(None, None, principal, method, resource, decision)
    reader = reader_of(directory)
    try:
        with ExitStack() as stack:
            interruption = stack.enter_context(_interruption())
            kept = None if cursor is None else stack.enter_context(held_cursor(cursor))
            if output is None:
                target: StandardOutput | OutputFile = StandardOutput()
            else:
                target = OutputFile(output)
                stack.callback(target.close)
            handing_on = HandingOn(
                reader,
                wanted,
                target,
                kept=kept,
                cursor=Cursor(reader.ends()) if kept is None else None,
                tell=lambda text: typer.echo(f"blrcs: {text}", err=True),
                undisturbed=interruption.held_back,
            )
            handing_on.resume()
            while True:
                while handing_on.step():
                    pass
                if once:
                    return
                time.sleep(FOLLOW_PERIOD_S)
    except KeyboardInterrupt:
        return
    except CursorError as error:
        fail(escape(str(error)))
    except BrokenPipeError:
        # Nobody reads any more, nor what Python would write at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except OSError as error:
        fail(f"{escape(str(error.filename or output or 'standard output'))}: {error.strerror}")


class _Interruption:
    """SIGINT or SIGTERM: ends the command, but not in the middle of a write."""

    def __init__(self) -> None:
        self._is_held_back = False
        self._came = False

    def __call__(self, *_: object) -> None:
        if self._is_held_back and not self._came:
            self._came = True
            return
        # Whoever reads us may have stopped doing so: the second one ends a write, too.
        raise KeyboardInterrupt

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """The first one that comes meanwhile has an effect at the end."""
        self._is_held_back = True
        try:
            yield
        finally:
            self._is_held_back = False
        if self._came:
            raise KeyboardInterrupt


@contextmanager
def _interruption() -> Iterator[_Interruption]:
    interruption = _Interruption()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, interruption) for each in numbers]
    try:
        yield interruption
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
