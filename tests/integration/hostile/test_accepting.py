"""How connections are accepted, whoever else wants to be, and on every loop."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import uvloop

from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from tests.integration.hostile.victim import PATIENCE_S, attacker, serving
from tests.unit.native.http2.endpoint import Handlers
from tests.unit.native.http2.frames import call

CROWD = 200
Run = Callable[[Any], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def crowd(port: int, opened: contextlib.ExitStack) -> None:
    """Connections that the kernel has accepted, and that nobody has taken from it."""
    for _ in range(CROWD):
        opened.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))


def test_a_call_is_answered_while_a_crowd_is_let_in(run: Run) -> None:
    async def main() -> None:
        async with serving() as victim, attacker(victim.port) as honest:
            await honest.send(call(1, b"/e/Echo"))
            await honest.until(lambda each: "grpc-status" in each.fields)
            with contextlib.ExitStack() as opened:
                crowd(victim.port, opened)
                await honest.send(call(3, b"/e/Echo"))
                await honest.until(lambda each: "grpc-status" in each.fields)
                assert victim.server.connections < CROWD
                await victim.until(lambda: victim.server.connections == CROWD + 1)
            await victim.until(lambda: victim.server.connections == 1)

    run(main())


def test_a_crowd_beyond_the_limit_is_turned_away(run: Run) -> None:
    async def main() -> None:
        async with serving([("blrcs.max_connections", 2)]) as victim:
            with contextlib.ExitStack() as opened:
                crowd(victim.port, opened)
                await victim.until(lambda: victim.counted.get("connection_limit", 0) == CROWD - 2)
                assert victim.server.connections == 2
            assert await victim.serves()

    run(main())


def test_who_waits_to_be_let_in_is_told_when_the_server_stops(run: Run) -> None:
    async def main() -> None:
        async with serving() as victim:
            with contextlib.ExitStack() as opened:
                crowd(victim.port, opened)
                waiting = opened.enter_context(
                    socket.create_connection(("127.0.0.1", victim.port), PATIENCE_S)
                )
                await victim.server.stop(0)
                with contextlib.suppress(ConnectionResetError):
                    assert waiting.recv(1) == b""
                assert victim.server.connections == 0

    run(main())


def test_a_queue_that_is_lent_is_served_until_it_is_taken_back(run: Run) -> None:
    async def main() -> None:
        async with serving() as victim:
            with contextlib.ExitStack() as opened:
                queue = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
                port = queue.getsockname()[1]
                opened.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
                lent = queue.dup()
                cease = victim.server.serve_also([lent], None)
                await victim.until(lambda: victim.server.connections == 1)
                cease()
                assert lent.fileno() < 0
                opened.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
                assert await victim.serves()
                queue.setblocking(False)
                opened.enter_context(queue.accept()[0])
                victim.server.serve_also([lent := queue.dup()], None)
            await victim.server.stop(0)
            assert lent.fileno() < 0
            victim.server.serve_also([lent := socket.create_server(("127.0.0.1", 0))], None)
            assert lent.fileno() < 0

    run(main())


async def whence(_: bytes, call: Call) -> bytes:
    return call.peer().encode()


async def serve_at(address: str, ask: Callable[[int], Awaitable[None]]) -> None:
    router = Router({"/e/Whence": Handlers({"/e/Whence": whence}).find("/e/Whence")})
    server = NativeServer(router)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        await ask(port)
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    ("listening", "target", "peer"),
    [
        ("127.0.0.1:0", "ipv4:127.0.0.1:{port}", "ipv4:127.0.0.1:"),
        ("[::1]:0", "ipv6:[::1]:{port}", "ipv6:%5B::1%5D:"),
        ("[::]:0", "ipv4:127.0.0.1:{port}", "ipv4:127.0.0.1:"),
        ("unix:{path}", "unix:{path}", "unix:"),
        ("unix-abstract:{path}", "unix-abstract:{path}", "unix:"),
    ],
)
def test_a_call_knows_where_it_comes_from(
    run: Run, tmp_path: Path, listening: str, target: str, peer: str
) -> None:
    path = tmp_path / "socket"

    async def ask(port: int) -> None:
        async with grpc.aio.insecure_channel(target.format(port=port, path=path)) as channel:
            answer = await channel.unary_unary("/e/Whence")(b"", timeout=PATIENCE_S)
        assert answer.decode().startswith(peer)

    run(serve_at(listening.format(path=path), ask))
