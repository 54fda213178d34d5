"""Channels to a router over each transport."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from blrcs.transport.grpcio import GrpcioServer
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs.transport.tls import ssl_server_credentials
from tests.certificates import key_and_certificate

SERVERS = {"native": NativeServer, "grpcio": GrpcioServer}
TRANSPORTS = ("native", "native_tls", "grpcio", "grpcio_tls", "in_process")


@asynccontextmanager
async def open_channel(
    transport: str,
    router: Router,
    options: Sequence[tuple[str, Any]] = (),
    server_options: Sequence[tuple[str, Any]] = (),
) -> AsyncIterator[object]:
    """A channel with the client's options to a router, whose server ends with it."""
    if transport == "in_process":
        yield InProcessChannel(router)
        return
    name, _, tls = transport.partition("_")
    server = SERVERS[name](router, options=server_options)
    if tls:
        key, certificate = key_and_certificate()
        port = server.add_secure_port("127.0.0.1:0", ssl_server_credentials([(key, certificate)]))
        await server.start()
        opened = grpc.aio.secure_channel(
            f"127.0.0.1:{port}", grpc.ssl_channel_credentials(certificate), options
        )
    else:
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        opened = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options)
    async with opened as channel:
        yield channel
    await server.stop(0)
