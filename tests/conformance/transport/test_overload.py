"""What bounds running calls, on every transport: however a call ends, its place is given back."""

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from blrcs.interceptors.overload import overload_rejections
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.router import Router
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.load.overload import Overload
from tests.conformance.transport.channels import TRANSPORTS, open_channel

MAX_CALLS, RESERVE = 10, 2
NAME = "/tests.Service/{}"


class Server:
    """Methods of each priority whose handlers wait until the gate opens, and what bounds them."""

    def __init__(self, *, max_calls_per_caller: int | None = None) -> None:
        self.gate = asyncio.Event()
        self.begun = 0
        self._news = asyncio.Event()
        self.overload = Overload(
            overload_rejections(),
            max_calls=MAX_CALLS,
            reserve=RESERVE,
            max_calls_per_caller=max_calls_per_caller,
        )
        self.router = Router(
            {
                NAME.format(priority): self._pipeline(NAME.format(priority), priority)
                for priority in ("critical", "high", "normal", "low")
            }
            | {NAME.format("Stream"): self._pipeline(NAME.format("Stream"), "normal", streams=True)}
        )

    def _pipeline(self, name: str, priority: str, *, streams: bool = False) -> Pipeline:
        method = Method(
            name, client_streaming=streams, server_streaming=streams, parse=None, serialize=None
        )
        load = self.overload.method(name, priority, is_unary=not streams)
        return Pipeline(
            method, self._stream if streams else self._answer, load=load, observers=[self]
        )

    def on_end(self, _) -> None:
        self._news.set()

    async def _answer(self, request, call):
        self.begun += 1
        self._news.set()
        if request == b"fail":
            raise RuntimeError("as the handler has it")
        if request == b"abort":
            await call.abort(grpc.StatusCode.NOT_FOUND, "no")
        if request == b"wait":
            await self.gate.wait()
        return request

    async def _stream(self, requests, call):
        self.begun += 1
        self._news.set()
        async for request in requests:
            await call.write(request)

    async def settled(self, running: int = 0) -> None:
        """Returns once so many calls run, or fails after ten seconds."""
        async with asyncio.timeout(10):
            while self.overload.running != running:
                self._news.clear()
                await self._news.wait()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


def call(channel, method, request, **options):
    return channel.unary_unary(NAME.format(method))(request, **options)


async def code_of(waiting) -> grpc.StatusCode:
    try:
        await waiting
    except grpc.aio.AioRpcError as error:
        return error.code()
    except asyncio.CancelledError:
        return grpc.StatusCode.CANCELLED
    return grpc.StatusCode.OK


async def test_places_come_back_however_calls_end(transport: str) -> None:
    server = Server(max_calls_per_caller=9)
    async with open_channel(transport, server.router) as channel:
        for request, code in ((b"", "OK"), (b"fail", "INTERNAL"), (b"abort", "NOT_FOUND")):
            for _ in range(2 * MAX_CALLS):
                assert (await code_of(call(channel, "normal", request))).name == code
        await server.settled()
        late = await code_of(call(channel, "normal", b"wait", timeout=0.05))
        assert late is grpc.StatusCode.DEADLINE_EXCEEDED
        await server.settled()
        waiting = [asyncio.ensure_future(_awaited(call(channel, "high", b"wait"))) for _ in "abc"]
        await server.settled(3)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        await server.settled()
    assert (server.overload.running, server.overload.callers) == (0, 0)


async def test_places_of_streams_come_back_too(transport: str) -> None:
    server = Server(max_calls_per_caller=9)
    async with open_channel(transport, server.router) as channel:
        for _ in range(2 * MAX_CALLS):
            replies = channel.stream_stream(NAME.format("Stream"))(iter([b"a", b"b"]))
            assert [reply async for reply in replies] == [b"a", b"b"]
        never = asyncio.Event()

        async def requests():
            yield b"a"
            await never.wait()

        reading = asyncio.ensure_future(
            _first(channel.stream_stream(NAME.format("Stream"))(requests()))
        )
        await reading
        await server.settled()
    assert (server.overload.running, server.overload.callers) == (0, 0)


async def test_a_client_that_is_gone_leaves_no_places() -> None:
    server = Server(max_calls_per_caller=9)
    async with open_channel("native", server.router) as channel:
        waiting = [asyncio.ensure_future(_awaited(call(channel, "high", b"wait"))) for _ in "abc"]
        await server.settled(3)
        await channel.close(None)
        await asyncio.wait(waiting)
        await server.settled()
    assert server.overload.callers == 0


async def test_while_others_are_refused_critical_calls_are_answered(transport: str) -> None:
    server = Server()
    async with open_channel(transport, server.router) as channel:
        waiting = [
            asyncio.ensure_future(_awaited(call(channel, "high", b"wait")))
            for _ in range(MAX_CALLS)
        ]
        await server.settled(MAX_CALLS)
        for priority in ("high", "normal", "low"):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(channel, priority, b"")
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert _reason(refused.value) == "OVERLOADED"
            assert 0 < _retry_ms(refused.value) < 1_000
        assert await call(channel, "critical", b"now") == b"now"
        server.gate.set()
        assert await asyncio.gather(*waiting) == [b"wait"] * MAX_CALLS
        await server.settled()
    assert server.begun == MAX_CALLS + 1


async def test_one_caller_cannot_take_all_places(transport: str) -> None:
    server = Server(max_calls_per_caller=3)
    async with open_channel(transport, server.router) as channel:
        waiting = [asyncio.ensure_future(_awaited(call(channel, "high", b"wait"))) for _ in "abc"]
        await server.settled(3)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(channel, "normal", b"")
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert _reason(refused.value) == "TOO_MANY_OWN_CALLS"
        if transport == "in_process":
            other = InProcessChannel(server.router, peer_address="192.0.2.7")
            assert await call(other, "normal", b"mine") == b"mine"
        server.gate.set()
        await asyncio.gather(*waiting)
        await server.settled()
    assert server.overload.callers == 0


async def _awaited(waiting):
    return await waiting


async def _first(replies):
    async for reply in replies:
        replies.cancel()
        return reply
    return None


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    return status_pb2.Status.FromString(packed)


def _reason(error: grpc.aio.AioRpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    assert _status(error).details[0].Unpack(info)
    return info.reason


def _retry_ms(error: grpc.aio.AioRpcError) -> int:
    info = error_details_pb2.RetryInfo()
    assert _status(error).details[1].Unpack(info)
    pushback = int(dict(error.trailing_metadata())["grpc-retry-pushback-ms"])
    assert pushback == info.retry_delay.ToMilliseconds()
    return pushback
