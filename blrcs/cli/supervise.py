"""``blrcs serve`` with several workers: the process that keeps them running."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import typer

from blrcs.cli.exit import announce_drain, fail
from blrcs.cli.serve import greet
from blrcs.cli.served_address import told
from blrcs.config.loading import LoadedSettings
from blrcs.config.settings import Settings

# Modules of the working directory do not take the place of those installed (-P).
PROGRAM = (sys.executable, "-P", "-m", "blrcs")
CLOSING_S = 15.0
"""Beyond the grace of calls and services: what a worker has to close what it opened."""
NS_PER_S = 1_000_000_000


def supervise(
    count: int,
    loaded: LoadedSettings,
    config_directory: Path | None,
    config_file: Path | None,
    flags: Mapping[str, Any],
) -> None:
    """Runs a server of ``count`` processes until it is told to stop."""
    # See the package's docstring.
    from blrcs.database.data_directory import DataDirectory  # noqa: PLC0415
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415
    from blrcs.supervisor.estate import Estate  # noqa: PLC0415
    from blrcs.supervisor.supervisor import WorkerFailedError  # noqa: PLC0415
    from blrcs.workers.memory import METRIC_CELLS  # noqa: PLC0415
    from blrcs.workers.ports import PortUnavailableError  # noqa: PLC0415
    from blrcs.workers.segment import SegmentUnavailableError  # noqa: PLC0415

    settings = loaded.settings
    configure_logging(settings.log_format, settings.logging.level)
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(DataDirectory.open(settings.data_directory.absolute()))
            estate = Estate.open(settings, count, stack, directory.path, METRIC_CELLS)
        except (DatabaseOpenError, PortUnavailableError, SegmentUnavailableError) as error:
            fail(str(error))
        started_with = {
            "config_directory": None if config_directory is None else str(config_directory),
            "config_file": None if config_file is None else str(config_file),
            "flags": flags,
        }
        try:
            asyncio.run(
                _supervise(count, estate, directory.path, started_with, _patience(settings))
            )
        except WorkerFailedError:
            raise typer.Exit(1) from None


def _patience(settings: Settings) -> Any:
    from blrcs.supervisor.seat import Patience  # noqa: PLC0415 - see the package's docstring

    of_services_s = settings.services.stop_timeout.ns / NS_PER_S
    return Patience(
        end_s=settings.server.drain_grace_s + of_services_s + CLOSING_S,
        hang_s=settings.server.hang_timeout_s or None,
    )


async def _supervise(
    count: int,
    estate: Any,
    directory: Path,
    started_with: Mapping[str, Any],
    patience: Any,
) -> None:
    from blrcs.supervisor.process import WorkerProcess  # noqa: PLC0415
    from blrcs.supervisor.supervisor import Supervisor  # noqa: PLC0415
    from blrcs.workers.handover import Handover  # noqa: PLC0415

    def spawn(command: str, descriptors: list[tuple[str, int]], *, first: bool) -> WorkerProcess:
        passed = [name for name, _ in descriptors]
        handover = Handover(**started_with, **estate.common, passed=passed, first=first)
        program = (*PROGRAM, command)
        return WorkerProcess(program, handover, [number for _, number in descriptors])

    def spawn_keeper() -> WorkerProcess:
        return spawn("keeper", estate.of_keeper(), first=False)

    supervisor = Supervisor(
        count=count,
        spawn=lambda seat, first: spawn("worker", estate.of_worker(seat), first=first),
        spawn_keeper=spawn_keeper if estate.of_keeper() else None,
        recover=estate.memory.recover,
        signs=estate.memory,
        steer=estate.steer,
        queue=estate.queue,
        close_ports=estate.close_ports,
        patience=patience,
    )
    main, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert main is not None  # noqa: S101 - a coroutine of asyncio.run is one
    is_told = False

    def stop() -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            announce_drain()
            main.cancel()

    # A worker may still start: that is given up too.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # What came before needs nothing: whoever starts from here on reads and runs what is there.
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.restart)
    try:
        async with supervisor.running() as started:
            with told(directory, started.addresses):
                greet(started)
                await loop.create_future()
    except asyncio.CancelledError:
        if not is_told:
            raise
