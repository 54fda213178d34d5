"""``blrcs health``: asks a server whether it serves."""

from typing import Annotated

import typer

from blrcs.cli.config import load_or_exit
from blrcs.cli.exit import fail

OF_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not listened on
"""Of every address that a server listens on, the one that it is asked at."""


def health(
    address: Annotated[
        str | None,
        typer.Argument(help="host:port of the server; by default where the configuration has it."),
    ] = None,
    service: Annotated[str, typer.Option(help="One service; by default the whole server.")] = "",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.001, max=60)] = 3.0,
    ca_file: Annotated[
        typer.FileBinaryRead | None,
        typer.Option("--ca", help="Speak TLS, and trust the authorities in this PEM file."),
    ] = None,
) -> None:
    """Exit 0 if the server answers SERVING, else 1 with the reason."""
    import grpc  # noqa: PLC0415 - see the package's docstring
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    if address is None:
        address = configured_address()
    if ca_file is None:
        channel = grpc.insecure_channel(address)
    else:
        credentials = grpc.ssl_channel_credentials(ca_file.read())
        channel = grpc.secure_channel(address, credentials)
    with channel:
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


def configured_address() -> str:
    """Where a server of this configuration is reached from its own machine."""
    server = load_or_exit(None, None, {}).settings.server
    if server.uds is not None:
        return f"unix:{server.uds}"
    host = OF_ALL.get(server.host, server.host)
    return f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"
