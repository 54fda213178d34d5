"""How much of a request a client may send before any of it is used."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import EOF, Endpoint, of_kind, status_of
from tests.unit.native.http2.frames import data, message, request, reset

ECHO = b"/e/Echo"
STREAM = b"/e/Stream"
FIRST = b"/e/FirstStream"
WINDOW_BYTES = 65_535
LARGE = message(bytes(1_000_000))
BEGUN_BYTES = 50_000


async def echo(body: bytes, _: Call) -> bytes:
    return body


async def reading_all(_: Any, call: Call) -> None:
    while await call.read() is not EOF:
        pass


async def reading_the_first(_: Any, call: Call) -> None:
    await call.read()
    await asyncio.get_running_loop().create_future()


HANDLERS = {"/e/Echo": echo, "/e/Stream": reading_all, "/e/FirstStream": reading_the_first}
Open = Callable[..., "Client"]


class Client:
    """A client that knows what it may send."""

    def __init__(self, **limits: Any) -> None:
        self.server = Endpoint(HANDLERS, **limits)
        self.windows: dict[int, int] = {}
        self.answer: list[frames.Frame] = []

    async def call(self, path: bytes, stream: int = 1) -> None:
        self.windows[stream] = WINDOW_BYTES
        await self.told(request(stream, path))

    async def send(self, octets: bytes, stream: int = 1, *, end: bool = False) -> list[int]:
        """The increments that it is told of."""
        self.windows[stream] -= len(octets)
        return await self.told(data(stream, octets, end=end), stream)

    async def told(self, octets: bytes, stream: int = 1) -> list[int]:
        answer = await self.server.answer(octets)
        self.answer += answer
        for each in of_kind(answer, frames.WINDOW_UPDATE):
            if each.stream:
                self.windows[each.stream] += int.from_bytes(each.payload)
        updates = of_kind(answer, frames.WINDOW_UPDATE, stream)
        return [int.from_bytes(each.payload) for each in updates]

    def resets(self, stream: int = 1) -> list[int]:
        return [each.code for each in of_kind(self.answer, frames.RST_STREAM, stream)]


@pytest.fixture
def client() -> Iterator[Open]:
    opened: list[Client] = []

    def open_client(**limits: Any) -> Client:
        opened.append(Client(**limits))
        return opened[-1]

    yield open_client
    for each in opened:
        each.server.close()


async def test_a_large_message_may_come_as_a_whole_once_it_has_begun(client: Open) -> None:
    calling = client()
    await calling.call(ECHO)
    assert len(await calling.send(LARGE[:BEGUN_BYTES])) == 1
    assert calling.windows[1] == len(LARGE) - BEGUN_BYTES + WINDOW_BYTES
    assert await calling.send(LARGE[BEGUN_BYTES:], end=True) == []
    await calling.told(frames.window_update(1, 1 << 20) + frames.window_update(0, 1 << 20))
    assert status_of(calling.answer) == "0"


async def test_behind_a_large_message_the_window_is_what_it_was(client: Open) -> None:
    calling = client()
    await calling.call(FIRST)
    await calling.send(LARGE[:BEGUN_BYTES])
    assert await calling.send(LARGE[BEGUN_BYTES:]) == []
    assert calling.windows[1] == WINDOW_BYTES
    assert await calling.send((message(bytes(995)) * 66)[:WINDOW_BYTES]) == []
    assert calling.resets() == []
    await calling.send(b"\0")
    assert calling.resets() == [frames.FLOW_CONTROL_ERROR]


@pytest.mark.parametrize("too_many", [0, 1])
async def test_more_than_was_granted_is_an_error(client: Open, too_many: int) -> None:
    calling = client()
    await calling.call(FIRST)
    await calling.send(LARGE[:BEGUN_BYTES])
    # Not in parts, since what comes in full is taken, and its room given to what follows.
    calling.server.receive(data(1, (LARGE * 2)[BEGUN_BYTES:][: calling.windows[1] + too_many]))
    await calling.told(b"")
    assert calling.resets() == [frames.FLOW_CONTROL_ERROR] * too_many


async def test_what_is_not_granted_keeps_to_its_window(client: Open) -> None:
    calling = client(max_receive_bytes=1 << 20, gathered_bytes=1 << 20)
    await calling.call(ECHO, 1)
    await calling.call(ECHO, 3)
    await calling.send(LARGE[:BEGUN_BYTES], 1)
    assert await calling.send(LARGE[:WINDOW_BYTES], 3) == []
    assert calling.resets(3) == []
    await calling.send(b"\0", 3)
    assert calling.resets(3) == [frames.FLOW_CONTROL_ERROR]


@pytest.mark.parametrize("octets", [reset(1), data(1, b"", end=True)], ids=["reset", "end"])
async def test_who_ends_within_a_message_makes_room_for_another(
    client: Open, octets: bytes
) -> None:
    calling = client(max_receive_bytes=1 << 20, gathered_bytes=1 << 20)
    for stream in (1, 3):
        await calling.call(ECHO, stream)
        await calling.send(LARGE[:BEGUN_BYTES], stream)
    assert calling.windows[3] == WINDOW_BYTES - BEGUN_BYTES
    assert len(await calling.told(octets, 3)) == 1
    assert calling.windows[3] == len(LARGE) - BEGUN_BYTES + WINDOW_BYTES


async def test_each_of_several_messages_is_granted_for_itself(client: Open) -> None:
    calling = client()
    await calling.call(STREAM)
    for size in (1_000_000, 200_000, 3_000_000, 70_000):
        body = message(bytes(size))
        told = await calling.send(body[:BEGUN_BYTES])
        assert calling.windows[1] == len(body) - BEGUN_BYTES + WINDOW_BYTES
        assert (len(told), await calling.send(body[BEGUN_BYTES:])) == (1, [])
        assert calling.windows[1] == WINDOW_BYTES


async def test_small_messages_are_told_of_by_the_half_window(client: Open) -> None:
    calling = client()
    await calling.call(STREAM)
    told = [increment for _ in range(200) for increment in await calling.send(message(bytes(995)))]
    assert told == [33_000] * (200_000 // 33_000)


async def test_what_waits_to_be_read_takes_room(client: Open) -> None:
    calling = client()
    await calling.call(FIRST)
    used = message(bytes(40_000))
    assert await calling.send((used + message(bytes(995)) * 66)[:WINDOW_BYTES]) == [len(used)]


@pytest.mark.parametrize("size", [100, 30_000, 50_000])
@pytest.mark.parametrize("padding", [0, 1, 100, 255])
@pytest.mark.parametrize("payload_bytes", [150, 1_000])
async def test_padding_takes_room_for_a_while(
    client: Open, size: int, padding: int, payload_bytes: int
) -> None:
    calling = client(frame_burst=1 << 30)
    await calling.call(STREAM)
    # Behind a large one, of which nghttp2 may have kept something in mind.
    rest = message(bytes(200_000)) + message(bytes(size)) * 3
    while rest:
        part, rest = rest[:payload_bytes], rest[payload_bytes:]
        octets = bytes([padding]) + part + bytes(padding)
        assert len(octets) <= calling.windows[1] <= 200_005 + WINDOW_BYTES
        calling.windows[1] -= len(octets)
        flags = frames.PADDED if rest else frames.PADDED | frames.END_STREAM
        calling.server.receive(frames.frame(frames.DATA, flags, 1, octets))
        if calling.windows[1] < payload_bytes + 256 or not rest:
            await calling.told(b"")
    assert status_of(calling.answer) == "0"


@pytest.mark.parametrize("window_bytes", [1_024, 1 << 20, frames.MAX_WINDOW_BYTES])
async def test_windows_of_other_sizes_hold_once_the_client_knows(
    client: Open, window_bytes: int
) -> None:
    calling = client(window_bytes=window_bytes)
    await calling.call(STREAM)
    await calling.send(LARGE[:BEGUN_BYTES])
    await calling.told(frames.settings(flags=frames.ACK))
    calling.windows[1] += window_bytes - WINDOW_BYTES
    rest = LARGE[BEGUN_BYTES:] + LARGE
    while rest:
        assert 0 < calling.windows[1] <= min(len(LARGE) + window_bytes, frames.MAX_WINDOW_BYTES)
        part, rest = rest[: calling.windows[1]], rest[calling.windows[1] :]
        await calling.send(part, end=not rest)
    assert status_of(calling.answer) == "0"


async def test_no_window_is_larger_than_any_may_be(client: Open) -> None:
    calling = client(max_receive_bytes=frames.MAX_WINDOW_BYTES, gathered_bytes=1 << 31)
    await calling.call(ECHO)
    head = message(b"")[:1] + (frames.MAX_WINDOW_BYTES - 1).to_bytes(4)
    await calling.send(head)
    assert calling.windows[1] == frames.MAX_WINDOW_BYTES
    # What there was no room for follows once it is a part that is worth telling.
    assert await calling.send(bytes(16_384)) == []
    assert sum(await calling.send(bytes(49_152))) > 0
    assert calling.windows[1] <= frames.MAX_WINDOW_BYTES
    assert calling.resets() == []
