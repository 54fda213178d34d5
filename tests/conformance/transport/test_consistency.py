"""Consistency tokens between metadata and the database, on every transport."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from grpc.aio import AioRpcError

from blrcs.domain.consistency import TOKEN_KEY, consistency
from blrcs.interceptors.consistency import MAX_TOKENS, keep_consistency
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.channels import open_channel

TOKEN = "wal.1"


async def position() -> str:
    return TOKEN


async def handle(request: bytes, call: Call) -> bytes:
    """Answers with the tokens that it sees; ``write`` writes, and ``own`` has trailers too."""
    seen = consistency.get()
    assert seen is not None
    if request == b"own":
        call.set_trailing_metadata((("own", "1"),))
    if request in {b"write", b"own"}:
        seen.has_written = True
    if request == b"fail":
        raise ValueError
    return " ".join(seen.tokens).encode()


async def unbound(request: bytes, call: Call) -> bytes:
    del request, call
    return repr(consistency.get()).encode()


async def stream(requests: AsyncIterator[bytes], call: Call) -> None:
    async for request in requests:
        await call.write(await handle(request, call))


def router() -> Router:
    keep = keep_consistency(position)
    unary = Method(
        "/c.C/Unary", client_streaming=False, server_streaming=False, parse=None, serialize=None
    )
    both = Method(
        "/c.C/Stream", client_streaming=True, server_streaming=True, parse=None, serialize=None
    )
    return Router(
        {
            "/c.C/Unary": Pipeline(unary, keep(unary, handle)),
            "/c.C/Unbound": Pipeline(unary, unbound),
            "/c.C/Stream": Pipeline(both, keep(both, stream)),
        }
    )


@pytest.fixture
async def channel(transport: str) -> AsyncIterator[Any]:
    async with open_channel(transport, router()) as opened:
        yield opened


async def trailers(call: Any) -> dict[str, str]:
    return dict(await call.trailing_metadata())


async def test_who_writes_gets_one(channel: Any) -> None:
    call = channel.unary_unary("/c.C/Unary")(b"write")
    assert await call == b""
    assert (await trailers(call))[TOKEN_KEY] == TOKEN


async def test_it_comes_beside_the_handlers_own_trailers(channel: Any) -> None:
    call = channel.unary_unary("/c.C/Unary")(b"own")
    await call
    assert {"own": "1", TOKEN_KEY: TOKEN}.items() <= (await trailers(call)).items()


async def test_who_reads_gets_none(channel: Any) -> None:
    call = channel.unary_unary("/c.C/Unary")(b"read")
    await call
    assert TOKEN_KEY not in await trailers(call)


async def test_a_stream_that_writes_gets_one_at_its_end(channel: Any) -> None:
    async def requests() -> AsyncIterator[bytes]:
        yield b"read"
        yield b"write"

    call = channel.stream_stream("/c.C/Stream")(requests(), metadata=((TOKEN_KEY, "a"),))
    assert [reply async for reply in call] == [b"a", b"a"]
    assert (await trailers(call))[TOKEN_KEY] == TOKEN


async def test_those_that_are_shown_are_seen(channel: Any) -> None:
    shown = ((TOKEN_KEY, "a"), ("other", "x"), (TOKEN_KEY, "b"))
    assert await channel.unary_unary("/c.C/Unary")(b"", metadata=shown) == b"a b"


async def test_too_many_are_as_one_that_nobody_gave(channel: Any) -> None:
    shown = tuple((TOKEN_KEY, str(each)) for each in range(MAX_TOKENS + 1))
    assert await channel.unary_unary("/c.C/Unary")(b"", metadata=shown) == b""


@pytest.mark.parametrize("request_", [b"write", b"fail"])
async def test_nothing_of_a_call_is_left_for_the_next(channel: Any, request_: bytes) -> None:
    call = channel.unary_unary("/c.C/Unary")(request_, metadata=((TOKEN_KEY, "a"),))
    with suppress(AioRpcError):
        await call
    assert await channel.unary_unary("/c.C/Unbound")(b"") == b"None"
    call = channel.unary_unary("/c.C/Unary")(b"read")
    assert await call == b""
    assert TOKEN_KEY not in await trailers(call)
