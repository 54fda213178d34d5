"""Metadata of replies beyond what HTTP/2 libraries take for usual, on every transport."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.channels import TRANSPORTS, open_channel

SERVICE = "large.Metadata"
MIB = 1 << 20
TAKES_MUCH = (("grpc.max_metadata_size", 4 * MIB), ("grpc.absolute_max_metadata_size", 8 * MIB))
WAIT_S = 10


async def first(request: bytes, call: Call) -> bytes:
    await call.send_initial_metadata((("large", "x" * int(request)),))
    return b"reply"


async def last(request: bytes, call: Call) -> bytes:
    call.set_trailing_metadata((("large", "x" * int(request)),))
    return b"reply"


async def alone(request: bytes, call: Call) -> bytes:
    await call.abort(grpc.StatusCode.ABORTED, "x" * int(request), (("large-bin", request),))
    return b""


@pytest.fixture(params=TRANSPORTS)
async def channel(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    registrar = Registrar()
    registrar.add_registered_method_handlers(
        SERVICE,
        {
            handler.__name__: grpc.unary_unary_rpc_method_handler(handler)
            for handler in (first, last, alone)
        },
    )
    router = Router({each.name: Pipeline(each.method(), each.handler()) for each in registrar})
    async with open_channel(request.param, router, TAKES_MUCH) as opened:
        yield opened


@pytest.mark.parametrize("size", [65_000, 65_537, MIB])
async def test_it_arrives_wherever_it_stands(channel: Any, size: int) -> None:
    calls = [
        channel.unary_unary(f"/{SERVICE}/{name}")(b"%d" % size, timeout=WAIT_S)
        for name in ("first", "last", "alone")
    ]
    assert await calls[0] == await calls[1] == b"reply"
    with pytest.raises(AioRpcError) as caught:
        await calls[2]
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert caught.value.details() == "x" * size
    assert dict(await calls[0].initial_metadata())["large"] == "x" * size
    assert dict(await calls[1].trailing_metadata())["large"] == "x" * size
