"""Fixtures for suites that run over every implementation of one thing."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest

from blrcs.transport.grpcio import GrpcioServer
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.native import NativeServer
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.transport.tls import ssl_server_credentials
from blrcs_native.pipeline import Pipeline
from tests.certificates import key_and_certificate
from tests.conformance.transport.context_service import Context
from tests.conformance.transport.echo import echo_pipelines

SERVERS = {"native": NativeServer, "grpcio": GrpcioServer}
TRANSPORTS = ("native", "native_tls", "grpcio", "grpcio_tls", "in_process")


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The transport under test."""
    return str(request.param)


@pytest.fixture
def context() -> Context:
    """The servicer of the context service."""
    return Context()


@pytest.fixture
async def channel(transport: str, context: Context) -> AsyncIterator[object]:
    """A channel to the echo and the context service over each transport."""
    registrar = Registrar()
    context.register(registrar)
    router = Router(
        echo_pipelines()
        | {each.name: Pipeline(each.method(), each.handler()) for each in registrar}
    )
    if transport == "in_process":
        yield InProcessChannel(router)
        return
    name, _, tls = transport.partition("_")
    server = SERVERS[name](router)
    if tls:
        key, certificate = key_and_certificate()
        port = server.add_secure_port("127.0.0.1:0", ssl_server_credentials([(key, certificate)]))
        await server.start()
        opened = grpc.aio.secure_channel(
            f"127.0.0.1:{port}", grpc.ssl_channel_credentials(certificate)
        )
    else:
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        opened = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    async with opened as channel:
        yield channel
    await server.stop(0)
