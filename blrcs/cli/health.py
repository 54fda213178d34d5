"""``blrcs health``: asks a server whether it serves."""

import os
from pathlib import Path
from typing import Annotated

import typer

from blrcs.cli import served_address
from blrcs.cli.exit import fail
from blrcs.cli.tls_channel import Authorities, OwnCertificate, OwnKey, ServerName, TlsFiles
from blrcs.config.loading import load_settings
from blrcs.config.problem import ConfigError
from blrcs.config.server import Server
from blrcs.config.settings import Settings
from blrcs.domain.host import bracketed
from blrcs.monitoring.log_values import escape


def health(
    address: Annotated[
        str | None,
        typer.Argument(
            help="host:port of the server; by default, or if empty, what it says itself in its "
            "data directory, else where the configuration has it."
        ),
    ] = None,
    data_directory: Annotated[
        Path | None,
        typer.Option("--data", help="Its data directory; by default the configured one."),
    ] = None,
    service: Annotated[str, typer.Option(help="One service; by default the whole server.")] = "",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.001, max=60)] = 3.0,
    authorities: Authorities = None,
    certificate: OwnCertificate = None,
    key: OwnKey = None,
    server_name: ServerName = None,
) -> None:
    """Exit 0 if the server answers SERVING, else 1 with the reason."""
    import grpc  # noqa: PLC0415 - see the package's docstring
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    if not address:
        address = own_address(data_directory)
    tls = TlsFiles(authorities, certificate, key, server_name)
    with tls.channel(address) if tls.are_given else grpc.insecure_channel(address) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=timeout_s
            )
        except grpc.RpcError as error:
            fail(f"{address}: {error.code().name}: {error.details()}")
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
    if status != "SERVING":
        fail(f"{address}: {status}")
    typer.echo(status)


def own_address(data_directory: Path | None = None) -> str:
    """Where the server of this machine is asked: as it says itself, else as it is configured.

    A configuration that does not load is told; it says nothing of a server that runs. Nor does one
    that names another data directory.

    Raises:
        typer.Exit: Nothing says where the server of that directory is.
    """
    try:
        settings = load_settings(config_directory=None, config_file=None, flags={}).settings
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(escape(str(problem)), err=True)
        typer.echo(
            "blrcs: the configuration does not load; the server may run all the same", err=True
        )
        server = Server()
        configured = Path(
            os.environ.get("BLRCS_DATA_DIRECTORY")
            or Settings.model_fields["data_directory"].default
        )
    else:
        server, configured = settings.server, settings.data_directory
    found = served_address.read(data_directory or configured)
    if found is None and data_directory and data_directory.resolve() != configured.resolve():
        fail(
            f"{escape(str(data_directory))}: no server says there where it serves; "
            "if one runs, give its address"
        )
    return found or configured_address(server)


def configured_address(server: Server) -> str:
    """Where a server of this configuration is reached from its own machine."""
    host = bracketed(server.host)
    sockets = [] if server.uds is None else [f"unix:{server.uds}"]
    return served_address.nearest([f"{host}:{server.port}", *sockets])
