"""blrcs.aio.server in the place of grpc.aio.server, over the network."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc.aio import AioRpcError

import blrcs.aio
from blrcs.domain.policy import PUBLIC, Limit, MethodPolicy
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.transport.server import TransportName
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from blrcs_native.calls.call import Call
from tests.certificates import key_and_certificate

SERVICE = "/blrcs.v1.CacheService"
ALL = f"{SERVICE}/*"
GET = cache_pb2.GetRequest(namespace="n", key="k")


class Servicer(cache_pb2_grpc.CacheServiceServicer):
    """Some methods of a service whose protos are at hand."""

    async def Get(self, request: cache_pb2.GetRequest, context: Call) -> cache_pb2.GetResponse:
        return cache_pb2.GetResponse(entry=cache_pb2.CacheEntry(key=request.key))

    over = threading.Event()

    def Stats(self, request: cache_pb2.StatsRequest, context: Any) -> cache_pb2.StatsResponse:
        context.add_callback(self.over.set)
        return cache_pb2.StatsResponse(entries=7)

    async def Watch(
        self, request: cache_pb2.WatchRequest, context: Call
    ) -> AsyncIterator[cache_pb2.WatchResponse]:
        for key in "ab":
            yield cache_pb2.WatchResponse(key=key)


@asynccontextmanager
async def serving(**arguments: Any) -> AsyncIterator[cache_pb2_grpc.CacheServiceStub]:
    server = blrcs.aio.server(**({"policies": {ALL: PUBLIC}} | arguments))
    cache_pb2_grpc.add_CacheServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield cache_pb2_grpc.CacheServiceStub(channel)
    finally:
        await server.stop(0)


class Recording(grpc.aio.ServerInterceptor):
    """Notes what it sees, and may give another handler."""

    def __init__(self, seen: list[str], name: str, give: Callable[[Any], Any] | None = None):
        self.seen = seen
        self.name = name
        self.give = give

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        metadata = dict(details.invocation_metadata)
        self.seen.append(f"{self.name} {details.method} {metadata.get('who', '')}")
        handler = await continuation(details)
        return handler if self.give is None else self.give(handler)


async def test_generated_servicers_are_served() -> None:
    async with serving() as stub:
        assert (await stub.Get(GET)).entry.key == "k"
        assert (await stub.Stats(cache_pb2.StatsRequest(namespace="n"))).entries == 7
        assert await asyncio.to_thread(Servicer.over.wait, 10)
        watched = [event.key async for event in stub.Watch(cache_pb2.WatchRequest(namespace="n"))]
        assert watched == ["a", "b"]


def test_who_asks_what_a_server_is_is_told_that_it_runs_coroutines() -> None:
    # As grpc_reflection does, to choose between its two servicers.
    assert isinstance(blrcs.aio.server(), grpc.aio.Server)


async def test_what_a_servicer_leaves_out_is_unimplemented() -> None:
    async with serving() as stub:
        with pytest.raises(AioRpcError) as caught:
            await stub.Flush(cache_pb2.FlushRequest(namespace="n"))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_validation_of_the_proto_holds() -> None:
    async with serving() as stub:
        with pytest.raises(AioRpcError) as caught:
            await stub.Get(cache_pb2.GetRequest(namespace="NOT OK", key="k"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_limit_in_policies_holds() -> None:
    limited = MethodPolicy("public", limits=(Limit("address", 1, period_ns=10**12),))
    async with serving(policies={ALL: PUBLIC, f"{SERVICE}/Get": limited}) as stub:
        await stub.Get(GET)
        with pytest.raises(AioRpcError) as caught:
            await stub.Get(GET)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_without_a_verifier_methods_that_ask_for_tokens_refuse_to_start() -> None:
    server = blrcs.aio.server()
    cache_pb2_grpc.add_CacheServiceServicer_to_server(Servicer(), server)
    with pytest.raises(PolicyError, match="no verifier"):
        await server.start()


async def test_a_method_without_a_policy_refuses_to_start() -> None:
    handler = grpc.unary_unary_rpc_method_handler(Servicer().Get)
    server = blrcs.aio.server(
        handlers=[grpc.method_handlers_generic_handler("a.B", {"C": handler})]
    )
    with pytest.raises(PolicyError, match=r"/a\.B/C states no policy"):
        await server.start()


async def test_interceptors_run_in_order_and_see_method_and_metadata() -> None:
    seen: list[str] = []
    interceptors = [Recording(seen, "first"), Recording(seen, "second")]
    async with serving(interceptors=interceptors) as stub:
        await stub.Get(GET, metadata=(("who", "me"),))
    assert seen == [f"first {SERVICE}/Get me", f"second {SERVICE}/Get me"]


async def test_an_interceptor_wraps_a_handler_of_messages() -> None:
    def give(handler: Any) -> Any:
        async def behaviour(request: cache_pb2.GetRequest, context: Any) -> Any:
            reply = await handler.unary_unary(request, context)
            reply.entry.key += "!"
            return reply

        return grpc.unary_unary_rpc_method_handler(
            behaviour, handler.request_deserializer, handler.response_serializer
        )

    async with serving(interceptors=[Recording([], "a", give)]) as stub:
        assert (await stub.Get(GET)).entry.key == "k!"


async def test_an_interceptor_can_refuse() -> None:
    async def deny(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not today")

    def give(handler: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(deny)

    async with serving(interceptors=[Recording([], "a", give)]) as stub:
        with pytest.raises(AioRpcError) as caught:
            await stub.Get(GET)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert caught.value.details() == "not today"


async def test_one_handler_of_an_interceptor_serves_methods_of_all_kinds() -> None:
    async def constant(request: Any, context: Any) -> bytes:
        return cache_pb2.WatchResponse(key="instead")

    def give(handler: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(constant)

    async with serving(interceptors=[Recording([], "a", give)]) as stub:
        watched = stub.Watch(cache_pb2.WatchRequest(namespace="n"))
        assert [event.key async for event in watched] == ["instead"]


async def test_a_handler_of_an_interceptor_need_not_be_hashable() -> None:
    class Unhashable(grpc.RpcMethodHandler):  # type: ignore[misc]
        request_streaming = response_streaming = False
        __hash__ = None  # type: ignore[assignment]

        async def unary_unary(self, request: cache_pb2.GetRequest, context: Any) -> Any:
            return cache_pb2.GetResponse(entry=cache_pb2.CacheEntry(key="instead"))

    async with serving(interceptors=[Recording([], "a", lambda _: Unhashable())]) as stub:
        assert (await stub.Get(GET)).entry.key == "instead"


def test_interceptors_of_another_kind_are_refused() -> None:
    class OfThreads(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            return continuation(details)

    with pytest.raises(ValueError, match="OfThreads"):
        blrcs.aio.server(interceptors=[OfThreads()])


async def test_guards_refuse_before_interceptors_are_asked() -> None:
    seen: list[str] = []
    async with serving(interceptors=[Recording(seen, "a")]) as stub:
        with pytest.raises(AioRpcError):
            await stub.Get(cache_pb2.GetRequest(namespace="NOT OK", key="k"))
    assert seen == []


async def test_a_message_over_the_limit_is_refused() -> None:
    options = [("grpc.max_receive_message_length", 1000)]
    async with serving(options=options) as stub:
        with pytest.raises(AioRpcError) as caught:
            await stub.Set(cache_pb2.SetRequest(namespace="n", key="k", value=bytes(2000)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("transport", ["native", "grpcio"])
async def test_waiting_tells_whether_the_time_passed(transport: TransportName) -> None:
    server = blrcs.aio.server(transport=transport)
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    assert await server.wait_for_termination(0.01) is True
    await server.stop(0)
    assert await server.wait_for_termination(10) is False
    assert await server.wait_for_termination() is False


async def test_a_second_start_changes_nothing() -> None:
    server = blrcs.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await server.start()
    with pytest.raises(RuntimeError, match="before the server starts"):
        server.add_insecure_port("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 10)
    await server.stop(0)


@pytest.mark.parametrize("transport", ["native", "grpcio"])
async def test_a_server_of_no_calls_is_refused(transport: TransportName) -> None:
    with pytest.raises(ValueError, match="maximum_concurrent_rpcs"):
        blrcs.aio.server(maximum_concurrent_rpcs=0, transport=transport)


@pytest.mark.parametrize("transport", ["native", "grpcio"])
async def test_a_server_that_has_stopped_cannot_be_started(transport: TransportName) -> None:
    server = blrcs.aio.server(transport=transport)
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await server.stop(0)
    with pytest.raises(grpc.aio.UsageError):
        await server.start()


def test_a_transport_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'foo'"):
        blrcs.aio.server(transport="foo")  # type: ignore[arg-type]


async def test_a_unix_socket_is_removed_unless_another_took_its_place(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = blrcs.aio.server()
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    assert path.is_socket()
    await server.stop(0)
    assert not path.exists()
    server = blrcs.aio.server()
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    path.unlink()
    path.write_text("another")
    await server.stop(0)
    assert path.read_text() == "another"


async def test_a_port_in_use_is_an_error() -> None:
    async with serving():
        first = blrcs.aio.server()
        port = first.add_insecure_port("127.0.0.1:0")
        with pytest.raises(RuntimeError):
            blrcs.aio.server().add_insecure_port(f"127.0.0.1:{port}")
        await first.stop(0)


def test_credentials_of_grpc_are_refused_by_name() -> None:
    pair = key_and_certificate()
    server = blrcs.aio.server()
    with pytest.raises(TypeError, match=r"blrcs\.aio\.ssl_server_credentials"):
        server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))


class Asked(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Looks a method up at each call."""

    def service(self, _: object) -> None:
        return None


def test_generic_handlers_that_do_not_list_their_methods_are_refused() -> None:
    with pytest.raises(TypeError, match="Asked does not list its methods"):
        blrcs.aio.server(handlers=[Asked()])
