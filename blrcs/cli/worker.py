"""``blrcs worker``: one of the processes of ``blrcs serve``, which starts it."""

import asyncio
import os
import signal
import socket
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from blrcs.cli.config import load_or_exit
from blrcs.cli.serve import run


def worker(
    control: Annotated[int, typer.Argument(help="The descriptor of the supervisor's socket.")],
) -> None:
    """Run one worker. It is started by `blrcs serve`, not by hand."""
    from blrcs.config.loading import load_settings  # noqa: PLC0415 - see the package's docstring
    from blrcs.workers.worker import Worker  # noqa: PLC0415

    os.set_inheritable(control, False)  # noqa: FBT003 - the name says it
    try:
        joined = Worker.join(socket.socket(fileno=control))
    except ConnectionError:
        raise typer.Exit(1) from None
    handover = joined.handover
    directory = None if handover.config_directory is None else Path(handover.config_directory)
    file = None if handover.config_file is None else Path(handover.config_file)
    loaded = load_or_exit(directory, file, handover.flags)
    load = partial(
        load_settings, config_directory=directory, config_file=file, flags=handover.flags
    )
    run(_serve(joined, joined.pinned(loaded), lambda: joined.pinned(load())))


async def _serve(joined: Any, loaded: Any, reload: Any) -> None:
    from blrcs.app import running  # noqa: PLC0415 - see the package's docstring
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415
    from blrcs.workers.handover import Administrator  # noqa: PLC0415

    level = configure_logging(loaded.settings.log_format, loaded.settings.logging.level)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
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
