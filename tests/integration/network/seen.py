"""A server that tells callers where they come from."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

import blrcs.aio
from blrcs.config.network import Network
from blrcs.domain.policy import PUBLIC, MethodPolicy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.network import current_network
from blrcs.transport.native import NativeServer
from blrcs.transport.tls import ServerCredentials
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from blrcs_native.calls.call import Call
from blrcs_native.limits.limiter import Limiter

ALL = "/blrcs.v1.CacheService/*"
REQUEST = cache_pb2.GetRequest(namespace="n", key="k")
LOCAL_SUBCHANNELS = [("grpc.use_local_subchannel_pool", 1)]


class Observed:
    """What a server has seen of calls that ended."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def on_end(self, call: Call) -> None:
        self.addresses.append(call.peer_address)


class Seen(cache_pb2_grpc.CacheServiceServicer):
    """Answers with the address that counts, and the socket's own."""

    async def Get(self, request: cache_pb2.GetRequest, context: Call) -> cache_pb2.GetResponse:
        value = f"{context.peer_address} {context.peer()}".encode()
        return cache_pb2.GetResponse(entry=cache_pb2.CacheEntry(key=request.key, value=value))


@asynccontextmanager
async def serving(
    transport: Any,
    network: Network | None = None,
    policy: MethodPolicy = PUBLIC,
    *,
    address: str = "127.0.0.1:0",
    proxied: bool = False,
    credentials: ServerCredentials | None = None,
    options: Sequence[tuple[str, Any]] = (),
    observers: Sequence[object] = (),
) -> AsyncIterator[tuple[blrcs.aio.Server, int]]:
    """The server and its port."""
    current = None if network is None else current_network(network)
    factory = PipelineFactory(limiter=Limiter(1024), network=current, observers=observers)
    server = blrcs.aio.server(
        factory=factory, policies={ALL: policy}, transport=transport, options=options
    )
    cache_pb2_grpc.add_CacheServiceServicer_to_server(Seen(), server)
    if proxied:
        port = _listen_to_proxies(server, address, credentials)
    else:
        port = server.add_insecure_port(address)
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop(0)


def _listen_to_proxies(
    server: blrcs.aio.Server, address: str, credentials: ServerCredentials | None
) -> int:
    transport = server._transport
    assert isinstance(transport, NativeServer)
    if credentials is None:
        return transport.add_insecure_port(address, proxied=True)
    return transport.add_secure_port(address, credentials, proxied=True)


def counted(server: blrcs.aio.Server) -> dict[str, int]:
    """What broke the native transport's limits."""
    transport = server._transport
    assert isinstance(transport, NativeServer)
    return {kind: count for kind, count in transport.abuse.counts.items() if count}


async def seen(
    target: int | str, *metadata: tuple[str, str], certificate: bytes | None = None
) -> list[str]:
    """The address that counts for a call, and the socket's own."""
    name = f"127.0.0.1:{target}" if isinstance(target, int) else target
    if certificate is None:
        opened = grpc.aio.insecure_channel(name, LOCAL_SUBCHANNELS)
    else:
        trusting = grpc.ssl_channel_credentials(certificate)
        opened = grpc.aio.secure_channel(name, trusting, LOCAL_SUBCHANNELS)
    async with opened as channel:
        stub = cache_pb2_grpc.CacheServiceStub(channel)
        reply = await stub.Get(REQUEST, metadata=metadata, timeout=20)
        return str(reply.entry.value.decode()).split(" ")
