"""Who reads slowly stops who writes, on both sides; and replies take turns."""

from typing import Any

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import (
    ECHO,
    EOF,
    STREAM,
    Endpoint,
    Open,
    body_of,
    never,
    of_kind,
    status_of,
)
from tests.unit.native.http2.frames import call, data, message, request, reset, window_update


async def test_a_slow_reader_stops_a_fast_writer(endpoint: Open) -> None:
    written = 0

    async def fast(_: Any, call: Call) -> None:
        nonlocal written
        for _ in range(1_000):
            await call.write(bytes(10_000))
            written += 1

    server = endpoint({"/e/Stream": fast})
    answer = await server.answer(request(1, STREAM))
    stopped_at = written
    assert stopped_at * 10_000 < 300_000
    answer += await server.answer(frames.ping())
    assert written == stopped_at
    answer += await server.answer(window_update(1, 2**24) + window_update(0, 2**24))
    while written < 1_000:
        answer += await server.answer(b"")
    answer += await server.answer(b"")
    assert len(body_of(answer)) == 1_000 * 10_005


def accepted_bytes(server: Endpoint, chunk: bytes, most: int, answer: list[frames.Frame]) -> int:
    """What a client gets rid of that keeps to the windows."""
    window = 65_535 + sum(
        int.from_bytes(each.payload) for each in of_kind(answer, frames.WINDOW_UPDATE, 1)
    )
    sent = 0
    while sent < most:
        room = min(len(chunk), window - sent)
        if room <= 0:
            break
        server.receive(data(1, chunk[:room]))
        sent += room
        window += sum(
            int.from_bytes(each.payload) for each in of_kind(server.take(), frames.WINDOW_UPDATE, 1)
        )
    return sent


@pytest.mark.parametrize("size", [100, 30_000, 70_000, 1_000_000])
async def test_a_slow_handler_stops_a_fast_client(endpoint: Open, size: int) -> None:
    server = endpoint({"/e/Stream": never})
    answer = await server.answer(request(1, STREAM))
    sent = accepted_bytes(server, message(bytes(size)), 8 << 20, answer)
    assert sent <= size + 5 + 65_535


@pytest.mark.parametrize(
    "sizes", [(30_000, 60_000), (60_000, 65_000, 40_000), (100, 65_530), (200_000, 10, 3_000_000)]
)
async def test_messages_of_all_sizes_pass_the_window(
    endpoint: Open, sizes: tuple[int, ...]
) -> None:
    received: list[int] = []

    async def reading(_: Any, call: Call) -> None:
        while (body := await call.read()) is not EOF:
            received.append(len(body))

    server = endpoint({"/e/Stream": reading})
    answer = await server.answer(request(1, STREAM))
    window = 65_535
    rest = b"".join(message(bytes(size)) for size in sizes)
    while rest:
        assert window > 0, f"{len(rest)} bytes may not be sent any more"
        part, rest = rest[:window], rest[window:]
        window -= len(part)
        answer = await server.answer(data(1, part, end=not rest))
        window += sum(
            int.from_bytes(each.payload) for each in of_kind(answer, frames.WINDOW_UPDATE, 1)
        )
    assert received == list(sizes)
    assert status_of(answer) == "0"


async def test_large_messages_side_by_side_are_gathered_one_after_another(endpoint: Open) -> None:
    size = 1_000_000
    server = endpoint(gathered_bytes=4 << 20)
    streams = {stream: message(bytes(size)) for stream in range(1, 21, 2)}
    windows = dict.fromkeys(streams, 65_535)
    answer = await server.answer(b"".join(request(stream, ECHO) for stream in streams))
    answer += await server.answer(
        window_update(0, 2**30) + b"".join(window_update(stream, 2**25) for stream in streams)
    )
    most_buffered = 0
    while any(streams.values()):
        progress = False
        for stream, rest in streams.items():
            part = rest[: min(windows[stream], 200_000)]
            if not part:
                continue
            progress = True
            streams[stream] = rest[len(part) :]
            windows[stream] -= len(part)
            new = await server.answer(data(stream, part, end=not streams[stream]))
            for update in of_kind(new, frames.WINDOW_UPDATE):
                if update.stream:
                    windows[update.stream] += int.from_bytes(update.payload)
            answer += new
        most_buffered = max(most_buffered, sum(windows.values()))
        assert progress
    assert most_buffered < (4 << 20) + 10 * 2 * 65_535
    assert {status_of(answer, stream) for stream in streams} == {"0"}


async def test_streams_that_wait_to_be_gathered_and_are_reset_make_way(endpoint: Open) -> None:
    server = endpoint(gathered_bytes=1 << 20, max_receive_bytes=1 << 20)
    await server.answer(request(1, ECHO) + data(1, message(bytes(1 << 20))[:50_000]))
    for stream in range(3, 101, 2):
        waiting = request(stream, ECHO) + data(stream, message(bytes(1 << 20))[:50_000])
        await server.answer(waiting + reset(stream))
    waiting = request(101, ECHO) + data(101, message(bytes(1 << 20))[:50_000])
    assert of_kind(await server.answer(waiting), frames.WINDOW_UPDATE, 101) == []
    answer = await server.answer(reset(1))
    assert of_kind(answer, frames.WINDOW_UPDATE, 101) != []


async def test_no_call_begins_while_too_much_waits_to_be_sent(endpoint: Open) -> None:
    began = 0

    async def large(_: bytes, call: Call) -> bytes:
        nonlocal began
        began += 1
        return bytes(1 << 20)

    server = endpoint({"/e/Large": large}, unsent_bytes=4 << 20)
    calls = b"".join(call(stream, b"/e/Large") for stream in range(1, 101, 2))
    await server.answer(calls)
    assert began == 4
    for stream in range(1, 101, 2):
        await server.answer(window_update(0, 2 << 20) + window_update(stream, 2 << 20))
    await server.answer(b"")
    assert began == 50


async def test_large_replies_take_turns_and_keep_no_small_one_waiting(endpoint: Open) -> None:
    async def large(body: bytes, _: Call) -> bytes:
        return body * 100_000

    async def several(_: Any, call: Call) -> None:
        await call.write(b"first")
        for _ in range(6):
            await call.write(bytes(10_000))

    server = endpoint({"/e/Large": large, "/e/Stream": several})
    server.receive(
        window_update(0, 2**24)
        + call(1, b"/e/Large", b"1")
        + call(3, b"/e/Large", b"3")
        + request(5, STREAM)
        + call(7, ECHO, b"7")
        + b"".join(window_update(number, 2**24) for number in (1, 3, 5))
    )
    answer = await server.answer(b"")
    bodies = of_kind(answer, frames.DATA)
    ends = {
        stream: max(at for at, each in enumerate(bodies) if each.stream == stream)
        for stream in (1, 3, 5, 7)
    }
    begins = {
        stream: min(at for at, each in enumerate(bodies) if each.stream == stream)
        for stream in (1, 3, 5, 7)
    }
    assert max(begins.values()) < min(ends[stream] for stream in (1, 3, 5))


async def test_an_order_of_replies_that_a_client_wishes_for_is_read_over(endpoint: Open) -> None:
    server = endpoint(greet=False)
    server.receive(frames.PREFACE + frames.settings())
    settings = of_kind(server.take(), frames.SETTINGS)[0]
    assert (9).to_bytes(2) + (1).to_bytes(4) in settings.payload
    answer = await server.answer(call(1, ECHO, b"hello") + frames.priority(3, 3))
    assert status_of(answer) == "0"
    # Also where a stream is to wait for itself.
    waiting = call(5, b"/e/Never", b"") + frames.priority(5, 5)
    answer = await server.answer(waiting + call(7, ECHO, b"x"))
    assert status_of(answer, 7) == "0"
    assert server.counted == {}
