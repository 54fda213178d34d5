"""``blrcs worker``: one of the processes of ``blrcs serve``, which starts it."""

import asyncio
import faulthandler
import os
import signal
import socket
from typing import Annotated, Any

import typer

from blrcs.cli.joining import settings_of
from blrcs.cli.serve import run
from blrcs.process import loading


def worker(
    control: Annotated[int, typer.Argument(help="The descriptor of the supervisor's socket.")],
) -> None:
    """Run one worker. It is started by `blrcs serve`, not by hand."""
    from blrcs.workers.handover import STACKS  # noqa: PLC0415 - see the package's docstring
    from blrcs.workers.worker import Worker  # noqa: PLC0415

    faulthandler.register(STACKS)
    os.set_inheritable(control, False)  # noqa: FBT003 - the name says it
    try:
        joined = Worker.join(socket.socket(fileno=control))
    except ConnectionError:
        raise typer.Exit(1) from None
    loaded, reload = settings_of(joined.handover)
    run(_serve(joined, loaded, reload))


async def _serve(joined: Any, loaded: Any, reload: Any) -> None:
    with loading():
        from blrcs.app import running  # noqa: PLC0415 - see the package's docstring
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415
    from blrcs.workers.handover import SUCCEEDED, Administrator  # noqa: PLC0415

    level = configure_logging(loaded.settings.log_format, loaded.settings.logging.level)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def give_way() -> None:
        joined.is_succeeded = True
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(SUCCEEDED, give_way)
    joined.on_orphaned(stopped.set)
    async with running(loaded, reload, level, joined) as application:
        loop.add_signal_handler(signal.SIGHUP, application.watcher.request_reload)
        made = application.administrator
        joined.report(
            addresses=application.addresses,
            administrator=made and Administrator(user_id=made.user_id, password=made.password),
            reflection=application.reflection,
        )
        await stopped.wait()
