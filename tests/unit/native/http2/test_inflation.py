"""Compressed messages of one connection are inflated one after another."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Awaitable, Callable, Iterable

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2.endpoint import EOF, STREAM, Endpoint, Open, never, status_of
from tests.unit.native.http2.frames import data, message, request, reset

GZIP = (b"grpc-encoding", b"gzip")
MESSAGE_BYTES = 4 << 20
PACKED = message(gzip.compress(bytes(MESSAGE_BYTES)), 1)
LENGTH = b"/e/Length"
ABANDONED = 1
MOST_ANSWERS = 100

Abandon = Callable[[Call], Awaitable[Awaitable[bytes]]]


async def length(body: bytes, _: Call) -> bytes:
    return str(len(body)).encode()


async def cancel(call: Call) -> Awaitable[bytes]:
    """Ends a read in the middle; another one begins anew."""
    reading = asyncio.ensure_future(call.read())
    await asyncio.sleep(0)
    assert not reading.done()
    reading.cancel()
    return call.read()


async def leave(call: Call) -> Awaitable[bytes]:
    """Begins a read, and goes on with it later."""
    return call.read()


async def statuses(server: Endpoint, streams: Iterable[int], sent: bytes = b"") -> set[str | None]:
    """How calls end that go on in many turns."""
    answer = await server.answer(sent)
    for _ in range(MOST_ANSWERS):
        found = {status_of(answer, stream) for stream in streams}
        if None not in found:
            break
        answer += await server.answer(b"")
    return found


async def test_a_connection_holds_one_message_that_is_inflated(endpoint: Open) -> None:
    server = endpoint({"/e/Length": length})
    streams = range(1, 33, 2)
    for stream in streams:
        server.receive(request(stream, LENGTH, GZIP) + data(stream, PACKED[:-1]))
    last = b"".join(data(stream, PACKED[-1:], end=True) for stream in streams)
    tracemalloc.start()
    try:
        answer = await server.answer(last)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {status_of(answer, stream) for stream in streams} == {"0"}
    # One that is inflated, and the one before it, which its handler may have still.
    assert most_bytes < 3 * MESSAGE_BYTES


@pytest.mark.parametrize("abandon", [cancel, leave])
async def test_who_does_not_read_on_keeps_nobody_waiting(endpoint: Open, abandon: Abandon) -> None:
    others_are_served = asyncio.Event()
    read = asyncio.get_running_loop().create_future()

    async def stopping(_: object, call: Call) -> None:
        reading = await abandon(call)
        await others_are_served.wait()
        read.set_result(len(await reading))
        assert await call.read() is EOF

    server = endpoint({"/e/Length": length, "/e/Stream": stopping})
    server.receive(request(ABANDONED, STREAM, GZIP) + data(ABANDONED, PACKED, end=True))
    others = range(3, 11, 2)
    answer = await server.answer(
        b"".join(request(each, LENGTH, GZIP) + data(each, PACKED, end=True) for each in others)
    )
    assert {status_of(answer, each) for each in others} == {"0"}
    assert status_of(answer, ABANDONED) is None
    others_are_served.set()
    assert await statuses(server, [ABANDONED]) == {"0"}
    assert read.result() == MESSAGE_BYTES


async def test_a_call_that_is_reset_gives_its_turn_away(endpoint: Open) -> None:
    may_read, has_begun = asyncio.Event(), asyncio.Event()

    async def stubborn(_: object, call: Call) -> None:
        await may_read.wait()
        call.read().close()
        has_begun.set()
        try:
            await never(b"", call)
        except asyncio.CancelledError:
            await never(b"", call)

    server = endpoint({"/e/Length": length, "/e/Stream": stubborn})
    await server.answer(request(1, STREAM, GZIP) + data(1, PACKED))
    may_read.set()
    await has_begun.wait()
    sent = reset(1) + request(3, LENGTH, GZIP) + data(3, PACKED, end=True)
    assert await statuses(server, [3], sent) == {"0"}


async def test_messages_of_streams_side_by_side_come_as_they_were_sent(endpoint: Open) -> None:
    sizes: dict[int, list[int]] = {}

    async def reading(_: object, call: Call) -> None:
        own = sizes.setdefault(len(sizes), [])
        while (body := await call.read()) is not EOF:
            own.append(len(body))

    server = endpoint({"/e/Stream": reading})
    streams = range(1, 9, 2)
    for stream in streams:
        await server.answer(request(stream, STREAM, GZIP))
    sent = b"".join(data(each, PACKED * 3 + message(b"plain"), end=True) for each in streams)
    assert await statuses(server, streams, sent) == {"0"}
    assert list(sizes.values()) == [[MESSAGE_BYTES] * 3 + [5]] * len(streams)
