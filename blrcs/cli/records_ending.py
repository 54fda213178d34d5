"""How a transfer ends before its time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

INTERRUPTED = 130
"""What shells report of a program that an interrupt has ended."""


@contextmanager
def ended(what: str, *, resumable: bool) -> Iterator[None]:
    """Has errors and interrupts end the command with one line; SIGTERM is an interrupt, too.

    Args:
        what: The transfer.
        resumable: Whether it can go on where it was.
    """
    from blrcs.transfer.errors import TransferError  # noqa: PLC0415 - see the package

    how = f" The same command with --resume goes on with the {what}." if resumable else ""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except TransferError as error:
        fail(escape(str(error)))
    except OSError as error:
        fail(escape(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
    except KeyboardInterrupt:
        typer.echo(f"blrcs: interrupted.{how}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
