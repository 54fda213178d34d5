"""Connections of grpc-go and grpc-js that live long: pings on them, silence, and their age."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from blrcs_native.calls.call import Call
from tests.integration.hostile.test_life_of_connections import Gate
from tests.integration.hostile.victim import Victim, serving
from tests.interop.programs import build, holding, loading
from tests.unit.native.http2 import frames

STACKS = ("go", "node")
GATE, COUNTED = "/e/Gate", "/e/Counted"
PATIENCE_S = 120
# How often the clients ping is up to them: grpc-go does every ten seconds, grpc-js is told to every
# second.
OFTEN_MS, SELDOM_MS = 200, 300_000
SOON_MS = 100
# What they tell their callers.
CALM = {"go": "Unavailable", "node": "RESOURCE_EXHAUSTED"}
LOST = {"go": "Unavailable", "node": "UNAVAILABLE"}

every_stack = pytest.mark.parametrize("stack", STACKS)


class Tap:
    """Passes bytes on, and notes which frames they are: kind, flags, and the code of a GOAWAY."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, int]] = []
        self.received: list[tuple[int, int, int]] = []
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def before(self, port: int) -> AsyncIterator[int]:
        """The port to call in its place."""

        async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            onward, away = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, away, self.sent, frames.PREFACE))
                both.create_task(self._pass(onward, writer, self.received, b""))

        async with await asyncio.start_server(passed, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: list[tuple[int, int, int]],
        greeting: bytes,
    ) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(await reader.readexactly(len(greeting)))
            while True:
                head = await reader.readexactly(frames.HEAD_BYTES)
                payload = await reader.readexactly(int.from_bytes(head[:3]))
                writer.write(head + payload)
                code = int.from_bytes(payload[4:8]) if head[3] == frames.GOAWAY else 0
                async with self._news:
                    seen.append((head[3], head[4], code))
                    self._news.notify_all()
        writer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(condition)


@asynccontextmanager
async def started(command: Sequence[str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | {"no_proxy": "127.0.0.1"}, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: Process) -> list[str]:
    """All that a client prints up to its end, once its input has ended."""
    async with asyncio.timeout(PATIENCE_S):
        return (await process.communicate(b""))[0].decode().splitlines()


@asynccontextmanager
async def held(stack: str, min_ping_interval_ms: int) -> AsyncIterator[tuple[Tap, Gate, Process]]:
    """A client with one call, which pings meanwhile."""
    build(stack)
    gate, tap = Gate(), Tap()
    options = [
        ("grpc.http2.min_ping_interval_without_data_ms", min_ping_interval_ms),
        ("grpc.http2.max_ping_strikes", 1),
    ]
    async with (
        serving(options, handlers={GATE: gate}) as victim,
        tap.before(victim.port) as port,
        started(holding(stack, f"127.0.0.1:{port}", GATE)) as client,
    ):
        await asyncio.wait_for(gate.began.wait(), PATIENCE_S)
        tap.sent.clear()
        tap.received.clear()
        yield tap, gate, client


@every_stack
async def test_pings_within_the_rule_are_answered_and_the_call_is_kept(stack: str) -> None:
    async with held(stack, OFTEN_MS) as (tap, gate, client):
        await tap.until(lambda: tap.received.count((frames.PING, frames.ACK, 0)) == 3)
        assert tap.sent.count((frames.PING, 0, 0)) == 3
        gate.open.set()
        assert await said(client) == ["OK"]
        # Up to the call's status: what a client does afterwards is another rule's.
        kinds = [kind for kind, _, _ in tap.received]
        ended = len(kinds) - kinds[::-1].index(frames.HEADERS)
        assert frames.GOAWAY not in kinds[:ended]


@every_stack
async def test_pings_beyond_the_rule_end_the_connection(stack: str) -> None:
    async with held(stack, SELDOM_MS) as (tap, gate, client):
        goaway = (frames.GOAWAY, 0, frames.ENHANCE_YOUR_CALM)
        await tap.until(lambda: goaway in tap.received)
        # One is free, and one is forgiven.
        assert tap.sent.count((frames.PING, 0, 0)) == 3
        assert await said(client) == [CALM[stack]]
        assert gate.cancelled == 1


@every_stack
async def test_a_client_that_is_stopped_is_closed(stack: str) -> None:
    build(stack)
    gate = Gate()
    options = [("grpc.keepalive_time_ms", SOON_MS), ("grpc.keepalive_timeout_ms", SOON_MS)]
    async with (
        serving(options, handlers={GATE: gate}) as victim,
        started(holding(stack, f"127.0.0.1:{victim.port}", GATE)) as client,
    ):
        await asyncio.wait_for(gate.began.wait(), PATIENCE_S)
        client.send_signal(signal.SIGSTOP)
        await victim.until(lambda: victim.server.connections == 0)
        await victim.until(lambda: gate.cancelled == 1)
        client.send_signal(signal.SIGCONT)
        assert await said(client) == [LOST[stack]]


@every_stack
async def test_connections_that_reach_their_age_lose_no_call(stack: str) -> None:
    build(stack)
    peers: set[str] = set()

    async def counted(body: bytes, call: Call) -> bytes:
        peers.add(call.peer())
        await asyncio.sleep(0.01)  # so that calls are under way when a connection's time has come
        return body

    options = [
        ("grpc.max_connection_age_ms", SOON_MS),
        ("grpc.max_connection_age_grace_ms", PATIENCE_S * 1_000),
    ]
    async with serving(options, handlers={COUNTED: counted}) as victim:
        await lost_none(stack, victim, lambda: len(peers) >= 20)


async def lost_none(stack: str, victim: Victim, enough: Callable[[], bool]) -> None:
    async with started(loading(stack, f"127.0.0.1:{victim.port}", COUNTED)) as client:
        assert client.stdout is not None
        assert await client.stdout.readline() == b"answered\n"
        async with asyncio.timeout(PATIENCE_S):
            while not enough():  # noqa: ASYNC110 - nothing tells of a peer
                await asyncio.sleep(0.01)
        lines = await said(client)
    assert [line for line in lines if not line.startswith("calls: ")] == []
    assert len(lines) == 1
