"""Who needs a connection to the database is told before its deadline, on every transport."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError

from blrcs.database.pool import Pool, PoolLimits
from blrcs.domain.deadline import remaining_s
from blrcs.interceptors.error_mapping import error_rejection
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.channels import open_channel

DEADLINE_S = 2.0
FAR_S = 600.0
ROUNDED_S = 2.0
"""What clients round a time-out up by."""


class Exhausted:
    """A service whose pool has one connection, which somebody holds."""

    def __init__(self) -> None:
        self.pool: Pool[object] = Pool(
            self._connect,
            lambda connection: None,
            is_usable=lambda connection: True,
            limits=PoolLimits(size=1, overflow=0, timeout_s=30),
        )

    async def _connect(self) -> object:
        return object()

    async def take(self, request: bytes, call: Call) -> bytes:
        del call
        if request == b"wait first":
            await asyncio.sleep(0)
        self.pool.give_back(await self.pool.take())
        return b"taken"

    async def remaining(self, request: bytes, call: Call) -> bytes:
        del call
        if request == b"wait first":
            await asyncio.sleep(0)
        return repr(remaining_s()).encode()

    async def stream(self, requests: AsyncIterator[bytes], call: Call) -> None:
        async for request in requests:
            await call.write(await self.remaining(request, call))

    def router(self) -> Router:
        def pipeline(name: str, handler: Handler, *, streams: bool = False) -> Pipeline:
            method = Method(
                name, client_streaming=streams, server_streaming=streams, parse=None, serialize=None
            )
            return Pipeline(method, handler, map_error=error_rejection)

        return Router(
            {
                "/e.E/Take": pipeline("/e.E/Take", self.take),
                "/e.E/Remaining": pipeline("/e.E/Remaining", self.remaining),
                "/e.E/Stream": pipeline("/e.E/Stream", self.stream, streams=True),
            }
        )


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Exhausted:
    # Early, so that no machine is too busy to be told in time.
    monkeypatch.setattr("blrcs.database.pool.ANSWER_SHARE", 0.9)
    monkeypatch.setattr("blrcs.database.pool.ANSWER_MAX_S", DEADLINE_S)
    return Exhausted()


@pytest.fixture
async def channel(transport: str, service: Exhausted) -> AsyncIterator[Any]:
    async with open_channel(transport, service.router()) as opened:
        yield opened


def reason(error: AioRpcError) -> str:
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    return next(info.reason for each in status.details if each.Unpack(info))


@pytest.mark.parametrize("request_", [b"at once", b"wait first"])
async def test_an_exhausted_pool_answers_before_the_deadline(
    channel: Any, service: Exhausted, request_: bytes
) -> None:
    held = await service.pool.take()
    with pytest.raises(AioRpcError) as caught:
        await channel.unary_unary("/e.E/Take")(request_, timeout=DEADLINE_S)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(caught.value) == "POOL_EXHAUSTED"
    service.pool.give_back(held)
    assert await channel.unary_unary("/e.E/Take")(request_, timeout=FAR_S) == b"taken"


@pytest.mark.parametrize("request_", [b"at once", b"wait first"])
async def test_each_call_has_the_deadline_of_its_own_caller(channel: Any, request_: bytes) -> None:
    remaining = channel.unary_unary("/e.E/Remaining")
    assert await remaining(request_) == b"None"
    assert FAR_S / 2 < float(await remaining(request_, timeout=FAR_S)) <= FAR_S + ROUNDED_S
    assert float(await remaining(request_, timeout=FAR_S / 4)) <= FAR_S / 4 + ROUNDED_S
    assert await remaining(request_) == b"None"


async def test_a_stream_has_one_too(channel: Any) -> None:
    async def requests() -> AsyncIterator[bytes]:
        yield b"at once"
        yield b"wait first"

    call = channel.stream_stream("/e.E/Stream")(requests(), timeout=FAR_S)
    assert [float(reply) > FAR_S / 2 async for reply in call] == [True, True]
