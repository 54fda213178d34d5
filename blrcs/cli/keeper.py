"""``blrcs keeper``: the process that keeps the cache for the workers of ``blrcs serve``."""

import asyncio
import signal
import socket
from typing import Annotated, Any

import typer

from blrcs.cli.joining import settings_of
from blrcs.cli.serve import run

RECLAIM_PERIOD_S = 1.0


def keeper(
    control: Annotated[int, typer.Argument(help="The descriptor of the supervisor's socket.")],
) -> None:
    """Keep the cache. It is started by `blrcs serve`, not by hand."""
    from blrcs.workers.handover import CACHE, Handover  # noqa: PLC0415 - see the package's docstring

    supervisor = socket.socket(fileno=control)
    supervisor.set_inheritable(False)
    try:
        handover, passed = Handover.receive(supervisor)
    except ConnectionError:
        raise typer.Exit(1) from None
    loaded, _ = settings_of(handover)
    run(_serve(supervisor, socket.socket(fileno=passed[CACHE][0]), loaded.settings))


async def _serve(supervisor: socket.socket, listening: socket.socket, settings: Any) -> None:
    from blrcs.cache.keeper import KeeperConnection  # noqa: PLC0415 - see the package's docstring
    from blrcs.cache.memory import MemoryCache  # noqa: PLC0415
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415
    from blrcs.workers.handover import Started  # noqa: PLC0415
    from blrcs.workers.worker import on_orphaned  # noqa: PLC0415

    configure_logging(settings.log_format, settings.logging.level)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the cache takes no changes
    on_orphaned(supervisor, stopped.set)
    cache = MemoryCache(settings.cache)
    server = await loop.create_unix_server(lambda: KeeperConnection(cache), sock=listening)
    supervisor.send(Started().to_packet())
    while not stopped.is_set():
        cache.reclaim()
        try:
            await asyncio.wait_for(stopped.wait(), RECLAIM_PERIOD_S)
        except TimeoutError:
            continue
    server.close()
