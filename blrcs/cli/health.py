"""``blrcs health``: asks a server whether it serves."""

from typing import Annotated

import typer

from blrcs.cli.exit import fail


def health(
    address: Annotated[str, typer.Argument(help="host:port of the server.")] = "127.0.0.1:50051",
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
