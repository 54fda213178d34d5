"""``blrcs serve`` with several workers: the process that keeps them running."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import typer

from blrcs.cli.exit import fail
from blrcs.cli.serve import greet
from blrcs.config.loading import LoadedSettings


def supervise(
    count: int,
    loaded: LoadedSettings,
    config_directory: Path | None,
    config_file: Path | None,
    flags: Mapping[str, Any],
) -> None:
    """Runs a server of ``count`` processes until it is told to stop."""
    from blrcs.assembly.metrics import CELLS  # noqa: PLC0415 - see the package's docstring
    from blrcs.database.data_directory import DataDirectory  # noqa: PLC0415
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415
    from blrcs.supervisor.supervisor import WorkerFailedError  # noqa: PLC0415
    from blrcs.workers.handover import Handover  # noqa: PLC0415
    from blrcs.workers.memory import lay_out  # noqa: PLC0415
    from blrcs.workers.ports import (  # noqa: PLC0415
        PortUnavailableError,
        ReservedPort,
        cache_socket,
        listen,
        listen_on_path,
    )

    settings = loaded.settings
    if settings.server.uds is not None:
        fail("server.uds is served by one process: set server.workers to 1")
    configure_logging(settings.log_format, settings.logging.level)
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(DataDirectory.open(settings.data_directory.absolute()))
            host = settings.server.host
            port = stack.enter_context(closing(ReservedPort.reserve(host, settings.server.port)))
            memory = lay_out(
                workers=count,
                limiter_cells=settings.guards.limiter_cells,
                max_concurrent_calls=settings.server.max_concurrent_calls,
                metrics_cells=CELLS,
            )
            descriptors = [memory.segment.memory, memory.segment.locks]
            metrics_address = ""
            if settings.metrics.enabled:
                named = settings.metrics.host
                scrapes = stack.enter_context(
                    listen(named, settings.metrics.port, purpose="metrics")
                )
                metrics_address = f"http://{named}:{scrapes.getsockname()[1]}/metrics"
                descriptors.append(scrapes.fileno())
            cache = None
            if settings.services.builtin:
                cache = stack.enter_context(listen_on_path(cache_socket(directory.path)))
        except (DatabaseOpenError, PortUnavailableError) as error:
            fail(str(error))

        def handover(first: bool) -> Handover:  # noqa: FBT001 - see Spawn
            return Handover(
                config_directory=None if config_directory is None else str(config_directory),
                config_file=None if config_file is None else str(config_file),
                flags=flags,
                host=host,
                port=port.port,
                data_directory=str(directory.path),
                metrics_address=metrics_address,
                first=first,
            )

        try:
            asyncio.run(_supervise(count, handover, descriptors, cache, memory, settings))
        except WorkerFailedError:
            raise typer.Exit(1) from None


async def _supervise(
    count: int, handover: Any, descriptors: list[int], cache: Any, memory: Any, settings: Any
) -> None:
    from blrcs.supervisor.process import WorkerProcess  # noqa: PLC0415
    from blrcs.supervisor.supervisor import Supervisor  # noqa: PLC0415

    def spawn_keeper() -> WorkerProcess:
        return WorkerProcess("keeper", handover(False), [cache.fileno()])  # noqa: FBT003

    supervisor = Supervisor(
        count=count,
        spawn=lambda first: WorkerProcess("worker", handover(first), descriptors),
        spawn_keeper=None if cache is None else spawn_keeper,
        recover=memory.recover,
        drain_grace_s=settings.server.drain_grace_s,
    )
    main, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert main is not None  # noqa: S101 - a coroutine of asyncio.run is one
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            typer.echo("Stopping: accepted calls may finish.", err=True)
            main.cancel()

    # A worker may still start: that is given up too.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        async with supervisor.running() as started:
            loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
            loop.add_signal_handler(signal.SIGUSR2, supervisor.restart)
            greet(started)
            await loop.create_future()
    except asyncio.CancelledError:
        if not told:
            raise
