"""``blrcs serve``: runs the server until it is told to stop."""

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.early_signals import EarlySignals
from blrcs.cli.exit import announce_drain, fail
from blrcs.cli.open_files import require_open_files
from blrcs.cli.outdated import warn_of_outdated
from blrcs.cli.safe_settings import load_safe_or_exit, load_safe_settings
from blrcs.cli.served_address import told
from blrcs.cli.standard_streams import open_standard_streams
from blrcs.process import loading


def serve(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes any that is free.")] = None,
    data_directory: Annotated[
        Path | None, typer.Option("--data", help="Where the database and the keys lie.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE:FUNCTION", help="A service to host; may be repeated."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve; 0 for as many as there are cores.")
    ] = None,
    *,
    builtin: Annotated[
        bool, typer.Option(help="Host BLRCS's own services beside those named.")
    ] = True,
) -> None:
    """Run the server.

    SIGTERM and SIGINT drain it, SIGHUP reloads the configuration, SIGUSR2 replaces its workers.
    """
    open_standard_streams()
    early = EarlySignals(signal.SIGHUP, signal.SIGUSR2)
    faulthandler.register(signal.SIGUSR1)
    flags: dict[str, Any] = {
        "environment": environment,
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "data_directory": None if data_directory is None else str(data_directory),
        "services.extra": service or None,
        "services.builtin": None if builtin else False,
    }
    loaded = load_safe_or_exit(config_directory, config_file, flags)
    warn_of_outdated(loaded.settings)
    count = worker_count(loaded.settings.server)
    require_open_files(count)
    if count > 1:
        from blrcs.cli.supervise import supervise  # noqa: PLC0415 - see the package's docstring

        supervise(count, loaded, config_directory, config_file, flags)
        return

    reload = partial(
        load_safe_settings,
        config_directory=config_directory,
        config_file=config_file,
        flags=flags,
    )
    run(_serve(loaded, reload, early))


def worker_count(server: Any) -> int:
    """How many processes serve; one by default where grpcio serves a Unix socket."""
    if server.workers:
        return int(server.workers)
    alone = server.uds is not None and server.transport == "grpcio"
    return 1 if alone else len(os.sched_getaffinity(0))


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Runs a server to its end; one that cannot start says why in one line."""
    # grpc's core would tell on standard error, in its own form, what is told below in ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    import uvloop  # noqa: PLC0415 - see the package's docstring

    try:
        uvloop.run(serving)
    except _refusals() as error:
        fail(str(error))


def _refusals() -> tuple[type[Exception], ...]:
    """What says why a server cannot start; asked for, and so imported, where it does not."""
    from blrcs.assembly.services import ServiceLoadError  # noqa: PLC0415
    from blrcs.audit.log import AuditOpenError  # noqa: PLC0415
    from blrcs.config.problem import ConfigError  # noqa: PLC0415
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415
    from blrcs.encryption.master_key import MasterKeyError  # noqa: PLC0415
    from blrcs.interceptors.proto_policy import PolicyError  # noqa: PLC0415
    from blrcs.redis.errors import RedisOpenError  # noqa: PLC0415
    from blrcs.security.key_file import KeyFileError  # noqa: PLC0415
    from blrcs.workers.ports import PortUnavailableError  # noqa: PLC0415

    return (
        AuditOpenError,
        ConfigError,
        DatabaseOpenError,
        PolicyError,
        PortUnavailableError,
        RedisOpenError,
        ServiceLoadError,
        KeyFileError,
        MasterKeyError,
    )


async def _serve(loaded: Any, reload: Any, early: EarlySignals) -> None:
    with loading():
        import structlog  # noqa: PLC0415 - see the package's docstring

        from blrcs.app import running  # noqa: PLC0415
    from blrcs.monitoring.logging import configure_logging  # noqa: PLC0415

    level = configure_logging(loaded.settings.log_format, loaded.settings.logging.level)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with running(loaded, reload, level) as application:
        early.hand_over(signal.SIGHUP, application.watcher.request_reload)
        log = structlog.get_logger("blrcs.serve")
        early.hand_over(
            signal.SIGUSR2,
            lambda: log.warning("one process alone cannot replace itself: set server.workers to 2"),
        )
        with told(loaded.settings.data_directory, application.addresses):
            greet(application)
            await stopped.wait()
        announce_drain()


def greet(application: Any) -> None:
    """Prints where a server serves, and what to do next with the administrator it has made.

    Where that cannot be written the server serves all the same, and the log says what is lost.
    """
    try:
        _greet(application)
    except OSError as error:
        import structlog  # noqa: PLC0415 - see the package's docstring

        structlog.get_logger("blrcs.serve").error(
            "standard output takes nothing", error=error.strerror, addresses=application.addresses
        )
        if application.administrator is not None and application.administrator.password:
            structlog.get_logger("blrcs.serve").error(
                "the first password was not shown: `blrcs admin recover` makes another"
            )
        # What it still holds would be tried again at the end, and be the exit code.
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())


def _greet(application: Any) -> None:
    for address in application.addresses:
        typer.echo(f"Serving gRPC on {address}")
    if application.metrics_address:
        typer.echo(f"Metrics on {application.metrics_address}")
    administrator = application.administrator
    if administrator is None:
        return
    shown = "Its one-time password is the one configured."
    if administrator.password:
        shown = f"Its one-time password, shown only now:\n\n    {administrator.password}"
    address, _, protection = application.addresses[0].partition(" ")
    tls = protection.startswith("(TLS")
    curl = f"buf curl --protocol grpc{'' if tls else ' --http2-prior-knowledge'}"
    url = f"{'https' if tls else 'http'}://{address}/blrcs.v1"
    schema = (
        ""
        if application.reflection
        else (
            "The server does not describe its services here: add --schema with what\n"
            "`blrcs generate --root proto --descriptor-set blrcs.binpb` writes.\n\n"
        )
    )
    proxies = (
        f"Only proxies connect to {address}: write the proxy's address in its place.\n\n"
        if protection.endswith("by proxies alone)")
        else ""
    )
    typer.echo(
        "\n"
        f"Created the user {administrator.user_id!r}. {shown}\n\n"
        "All that can be done with it is to choose another. With buf (pip install buf-bin), sign\n"
        "in, then take the accessToken of the reply for TOKEN:\n\n"
        f"    {curl} \\\n"
        f'        -d \'{{"user_id": "{administrator.user_id}", "password": "PASSWORD"}}\' \\\n'
        f"        {url}.AuthService/SignIn\n"
        f"    {curl} -H 'authorization: Bearer TOKEN' \\\n"
        f'        -d \'{{"name": "users/{administrator.user_id}", "old_password": "PASSWORD", '
        '"new_password": "NEW_PASSWORD"}\' \\\n'
        f"        {url}.UserService/ChangePassword\n\n"
        f"{schema}{proxies}"
        "Sign in anew with NEW_PASSWORD: that token is good for everything.\n"
    )
