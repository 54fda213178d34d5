"""Compressed messages of one connection are inflated one after another."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Awaitable, Callable, Iterable

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2.endpoint import (
    ECHO,
    EOF,
    STREAM,
    Endpoint,
    Open,
    never,
    status_of,
    turns,
)
from tests.unit.native.http2.frames import (
    INITIAL_WINDOW_SIZE,
    call,
    data,
    message,
    request,
    reset,
    settings,
)

GZIP = (b"grpc-encoding", b"gzip")
MESSAGE_BYTES = 4 << 20
PACKED = message(gzip.compress(bytes(MESSAGE_BYTES)), 1)
LENGTH = b"/e/Length"
MALFORMED = message(b"", 7)
NOTHING_TAKEN = settings((INITIAL_WINDOW_SIZE, 0))
WINDOW_BYTES = 65_535
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


async def test_turns_are_in_the_order_of_those_who_wait(endpoint: Open) -> None:
    order: list[str] = []

    async def reading(_: object, call: Call) -> None:
        await call.read()
        order.append("stream")

    async def counting(_: bytes, call: Call) -> bytes:
        del call
        order.append("unary")
        return b""

    server = endpoint({"/e/Length": counting, "/e/Stream": reading})
    await server.answer(request(1, STREAM, GZIP) + request(3, STREAM, GZIP))
    server.receive(data(1, PACKED, end=True) + data(3, PACKED, end=True))
    await turns(2)  # one begins, and the other waits
    others = range(5, 25, 2)
    sent = b"".join(request(each, LENGTH, GZIP) + data(each, PACKED, end=True) for each in others)
    assert await statuses(server, [1, 3, *others], sent) == {"0"}
    assert order == ["stream"] * 2 + ["unary"] * len(others)


async def test_what_is_begun_is_finished_while_replies_are_not_taken(endpoint: Open) -> None:
    read = asyncio.get_running_loop().create_future()

    async def reading(_: object, call: Call) -> None:
        read.set_result(len(await call.read()))

    server = endpoint({"/e/Length": length, "/e/Stream": reading}, unsent_bytes=1)
    await server.answer(NOTHING_TAKEN + request(1, STREAM, GZIP))
    server.receive(
        request(3, LENGTH, GZIP)
        + data(3, PACKED, end=True)
        + call(5, ECHO, b"not taken")
        + request(7, LENGTH, GZIP)
        + data(7, PACKED, end=True)
        + data(1, PACKED)
    )
    for _ in range(MOST_ANSWERS):
        await server.answer(b"")
    assert read.done()
    assert read.result() == MESSAGE_BYTES
    taken = settings((INITIAL_WINDOW_SIZE, WINDOW_BYTES))
    assert await statuses(server, [3, 5, 7], taken) == {"0"}


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


async def test_a_call_whose_reply_is_not_taken_gives_its_turn_away(endpoint: Open) -> None:
    sizes = []

    async def stubborn(_: object, call: Call) -> None:
        await call.write(b"not taken")
        call.read().close()
        try:
            await never(b"", call)
        except asyncio.CancelledError:
            with pytest.raises(asyncio.CancelledError):
                await call.read()
            await never(b"", call)

    async def counting(body: bytes, _: Call) -> bytes:
        sizes.append(len(body))
        return b""

    server = endpoint({"/e/Length": counting, "/e/Stream": stubborn})
    # What is behind its message ends it.
    await server.answer(NOTHING_TAKEN + request(1, STREAM, GZIP) + data(1, PACKED + MALFORMED))
    await server.answer(request(3, LENGTH, GZIP) + data(3, PACKED, end=True))
    assert sizes == [MESSAGE_BYTES]


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


async def test_a_call_that_is_reset_while_it_waits_is_given_no_turn(endpoint: Open) -> None:
    """Its handler goes on: a turn that it had would be nobody else's."""
    stubborn = asyncio.Event()

    async def reading(_: object, call: Call) -> None:
        try:
            await call.read()
        except asyncio.CancelledError:
            stubborn.set()
            await never(b"", call)

    server = endpoint({"/e/Length": length, "/e/Stream": reading})
    await server.answer(request(1, STREAM, GZIP) + request(3, STREAM, GZIP))
    server.receive(data(1, PACKED, end=True) + data(3, PACKED))
    await turns(2)  # one begins, and the other waits
    sent = reset(3) + request(5, LENGTH, GZIP) + data(5, PACKED, end=True)
    assert await statuses(server, [1, 5], sent) == {"0"}
    assert stubborn.is_set()
