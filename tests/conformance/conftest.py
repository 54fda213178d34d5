"""Fixtures for suites that run over every implementation of one thing."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest

from blrcs.transport.grpcio import GrpcioServer
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.native import NativeServer
from tests.conformance.transport.echo import echo_router

SERVERS = {"native": NativeServer, "grpcio": GrpcioServer}
TRANSPORTS = (*SERVERS, "in_process")


@pytest.fixture(params=TRANSPORTS)
async def channel(request: pytest.FixtureRequest) -> AsyncIterator[object]:
    """A channel to the echo service over each transport."""
    router = echo_router()
    if request.param == "in_process":
        yield InProcessChannel(router)
        return
    server = SERVERS[request.param](router)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)
