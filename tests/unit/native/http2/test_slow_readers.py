"""What waits because a client does not read is not lost, whatever ends the connection meanwhile."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from blrcs_native.http2.abuse import AbuseCounters
from blrcs_native.http2.acceptor import Acceptor
from blrcs_native.http2.connection_rules import ConnectionRules
from blrcs_native.http2.connection_set import ConnectionSet
from blrcs_native.http2.dispatcher import Dispatcher
from blrcs_native.http2.limits import Limits
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Handlers
from tests.unit.native.http2.frames import (
    ACK,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    call,
    settings,
    window_update,
)
from tests.unit.native.http2.whole_scenarios import ECHO, FIRST, whole

SMALL_BUFFER_BYTES = 4096
LARGE = b"/e/Large"
ONE_FRAME = b"/e/OneFrame"
WAIT = b"/e/Wait"
LARGE_BYTES = 200_000  # more than the buffers take, and less than a step writes
LARGEST_WINDOW_BYTES = (1 << 31) - 1
SEEN_S = 0.3  # a drain is looked after twenty times a second, and tells nobody of it


class World:
    """A server on a socket of small buffers, and one client, who reads when it is told to."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[Call] = asyncio.Queue()
        self.go_on = asyncio.Event()
        limits = Limits()
        handlers = {
            "/e/Echo": self._echo,
            "/e/Large": self._large,
            "/e/OneFrame": self._one_frame,
            "/e/Wait": self._wait,
        }
        loop = asyncio.get_running_loop()
        abuse = AbuseCounters()
        self.dispatcher = Dispatcher(Handlers(handlers), loop, limits, eof=object())
        self.connections = ConnectionSet(
            self.dispatcher,
            limits,
            ConnectionRules(),
            abuse,
            max_connections=1,
            max_connections_per_address=1,
        )
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        self.address = listening.getsockname()
        self.acceptor = Acceptor(self.connections, listening, None, print)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        self.socket.setblocking(False)
        self._reader = frames.FrameReader()
        self.answer: list[frames.Frame] = []

    async def _echo(self, body: bytes, call: Call) -> bytes:
        self.begun.put_nowait(call)
        return body

    async def _large(self, _: bytes, call: Call) -> bytes:
        self.begun.put_nowait(call)
        return bytes(LARGE_BYTES)

    async def _one_frame(self, _: bytes, call: Call) -> bytes:
        self.begun.put_nowait(call)
        return bytes(16_379)

    async def _wait(self, body: bytes, call: Call) -> bytes:
        self.begun.put_nowait(call)
        await self.go_on.wait()
        return body

    async def connect(self, path: bytes = ECHO) -> None:
        """With windows that let everything come, and a head and replies that are known."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.socket, self.address)
        await self.send(
            PREFACE
            + settings((INITIAL_WINDOW_SIZE, LARGEST_WINDOW_BYTES))
            + window_update(0, 1 << 30)
            + settings(flags=ACK)
        )
        self.go_on.set()
        for number in range(1, FIRST, 2):
            await self.ask(call(number, path, b"hi"))
            await self.read_until(number)
        self.go_on.clear()

    async def send(self, octets: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, octets)

    async def ask(self, octets: bytes, calls: int = 1) -> None:
        """Sends calls, and waits until their handlers have them."""
        await self.send(octets)
        for _ in range(calls):
            await self.begun.get()

    async def read(self) -> bool:
        """What the server has sent; False at its end."""
        octets = await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16)
        self.answer += self._reader.feed(octets)
        return bool(octets)

    async def read_until(self, number: int) -> None:
        while number not in self.statuses():
            assert await self.read()

    def statuses(self) -> dict[int, dict[str, str]]:
        """What each call has ended with."""
        return {
            each.stream: each.fields
            for each in self.answer
            if each.kind == HEADERS and each.ends_stream
        }

    def close(self) -> None:
        self.acceptor.close()
        self.connections.close()
        self.dispatcher.close()
        self.socket.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    made.close()


OK: dict[str, Any] = {"grpc-status": "0"}


async def test_replies_that_wait_for_room_leave_before_a_drain_ends(world: World) -> None:
    await world.connect()
    await world.ask(call(FIRST, LARGE, b""))
    for number in (FIRST + 2, FIRST + 4):
        await world.ask(whole(number))
    world.connections.drain()
    await world.send(frames.ping(flags=ACK))  # the drain's own, which ends its wait
    await asyncio.sleep(SEEN_S)
    while await world.read():
        pass
    statuses = world.statuses()
    assert [statuses.get(number) for number in range(FIRST, FIRST + 6, 2)] == [OK] * 3
    assert (world.answer[-1].kind, world.answer[-1].last_stream) == (GOAWAY, FIRST + 4)


async def test_a_status_is_sent_whatever_is_set_while_its_message_waits(world: World) -> None:
    await world.connect()
    numbers = range(FIRST, FIRST + 80, 2)
    await world.ask(
        b"".join(call(number, ONE_FRAME, b"x") for number in numbers), calls=len(numbers)
    )
    await world.send(settings((INITIAL_WINDOW_SIZE, LARGEST_WINDOW_BYTES - 1)))
    await world.ask(whole(FIRST + 80))
    await world.read_until(FIRST + 80)
    statuses = world.statuses()
    assert [statuses.get(number) for number in numbers] == [OK] * len(numbers)


async def test_a_call_behind_the_clients_goaway_is_answered(world: World) -> None:
    await world.connect(WAIT)
    await world.ask(frames.goaway() + call(FIRST, WAIT, b"hi"))
    world.go_on.set()
    while await world.read():
        pass
    assert world.statuses()[FIRST] == OK
