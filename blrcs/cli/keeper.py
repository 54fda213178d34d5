"""``blrcs keeper``: the process that keeps the cache for the workers of ``blrcs serve``."""

import asyncio
import faulthandler
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
    from blrcs.workers.handover import (  # noqa: PLC0415 - see the package's docstring
        CACHE,
        LOCKS,
        MEMORY,
        STACKS,
        Handover,
    )
    from blrcs.workers.memory import SharedMemory  # noqa: PLC0415
    from blrcs.workers.segment import Segment  # noqa: PLC0415

    # What stops a server may be sent to all of its processes; calls that finish want the cache.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    faulthandler.register(STACKS)
    supervisor = socket.socket(fileno=control)
    supervisor.set_inheritable(False)
    try:
        handover, passed = Handover.receive(supervisor)
    except ConnectionError:
        raise typer.Exit(1) from None
    loaded, _ = settings_of(handover)
    memory = SharedMemory(Segment(passed[MEMORY][0], passed[LOCKS][0]))
    memory.pulses.begin(memory.keeper_place)
    run(_serve(supervisor, socket.socket(fileno=passed[CACHE][0]), loaded.settings, memory))


async def _serve(
    supervisor: socket.socket, listening: socket.socket, settings: Any, memory: Any
) -> None:
    from blrcs.cache.keeper import KeeperConnection  # noqa: PLC0415 - see the package's docstring
    from blrcs.cache.kept import KeptCache  # noqa: PLC0415
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415
    from blrcs.workers.handover import RELEASED, Started  # noqa: PLC0415
    from blrcs.workers.worker import on_orphaned  # noqa: PLC0415

    configure_logging(settings.log_format, settings.logging.level)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(RELEASED, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the cache takes no changes
    on_orphaned(supervisor, stopped.set)
    # Before anybody is answered: what copies show went with an earlier keeper.
    cache = KeptCache(settings.cache, stamps=memory.cache_stamps(), hits=memory.all_cache_hits())
    # Not create_unix_server, which from Python 3.13 on looks for the socket's file by its name, to
    # remove it: the supervisor bound it by a descriptor of its own, and the next keeper needs it.
    server = await loop.create_server(lambda: KeeperConnection(cache), sock=listening)
    memory.pulses.keep(memory.keeper_place)
    supervisor.send(Started().to_packet())
    while not stopped.is_set():
        cache.reclaim()
        try:
            await asyncio.wait_for(stopped.wait(), RECLAIM_PERIOD_S)
        except TimeoutError:
            continue
    server.close()
