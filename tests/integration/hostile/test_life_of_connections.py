"""How connections end, and what of their calls survives."""

import asyncio
import ssl
import time
from collections.abc import Sequence

import grpc.aio
import pytest

from blrcs.transport.tls import CertificateConfiguration, ServerCredentials
from blrcs_native.calls.call import Call
from tests.certificates import key_and_certificate, new_key_and_chain
from tests.integration.hostile.victim import attacker, serving
from tests.unit.native.http2 import frames
from tests.unit.native.http2.frames import call, data, message, ping, request

SOON_MS = 50
LARGE_BYTES = 2_000_000
WINDOW_BYTES = 65_535
TURN_NS = 100_000


class Gate:
    """A handler that waits until it is let go."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, body: bytes, _: Call) -> bytes:
        self.began.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return body


def ending(taken: Sequence[frames.Frame]) -> list[tuple[int, int]]:
    return [(each.last_stream, each.code) for each in taken if each.kind == frames.GOAWAY]


async def test_a_drain_lets_accepted_calls_finish_and_names_the_last() -> None:
    gate = Gate()
    async with serving(handlers={"/e/Gate": gate}) as victim, attacker(victim.port) as client:
        await client.send(call(1, b"/e/Gate", b"kept"))
        await gate.began.wait()
        client.answers_pings = False
        stopping = asyncio.create_task(victim.server.stop(20))
        taken = await client.until(lambda each: each.kind == frames.GOAWAY)
        assert ending(taken) == [(2**31 - 1, frames.NO_ERROR)]
        # One that crosses the notice is served yet; one after the end of the drain is not.
        await client.send(call(3, b"/e/Gate", b"crossing") + ping(flags=frames.ACK))
        taken = await client.until(lambda each: each.kind == frames.GOAWAY)
        assert ending(taken) == [(3, frames.NO_ERROR)]
        await client.send(call(5, b"/e/Gate", b"late"))
        gate.open.set()
        taken = await client.rest()
        assert {each.stream for each in taken if "grpc-status" in each.fields} == {1, 3}
        assert not any(each.stream == 5 for each in taken)
        await stopping
    assert gate.cancelled == 0


async def test_a_drain_ends_without_an_answer_to_its_ping() -> None:
    gate = Gate()
    async with serving(handlers={"/e/Gate": gate}) as victim, attacker(victim.port) as client:
        client.answers_pings = False
        await client.send(call(1, b"/e/Gate", b"kept"))
        await gate.began.wait()
        stopping = asyncio.create_task(victim.server.stop(20))
        await client.until(lambda each: each.kind == frames.GOAWAY)
        taken = await client.until(lambda each: each.kind == frames.GOAWAY)
        assert ending(taken) == [(1, frames.NO_ERROR)]
        gate.open.set()
        taken = await client.rest()
        assert [each.fields["grpc-status"] for each in taken if "grpc-status" in each.fields] == [
            "0"
        ]
        await stopping


async def test_a_drain_without_grace_cancels_and_says_that_others_may_be_tried() -> None:
    gate = Gate()
    async with serving(handlers={"/e/Gate": gate}) as victim, attacker(victim.port) as client:
        await client.send(request(1, b"/e/Gate") + call(3, b"/e/Gate"))
        await gate.began.wait()
        await victim.server.stop(0)
        taken = await client.rest()
        ends = {each.stream: each.fields["grpc-status"] for each in taken if each.fields}
        assert ends == {1: "14", 3: "14"}
    assert gate.cancelled == 1


async def test_a_call_whose_turn_has_not_come_may_be_tried_elsewhere() -> None:
    stopping: list[asyncio.Task[None]] = []

    async def stop(body: bytes, _: Call) -> bytes:
        stopping.append(asyncio.create_task(victim.server.stop(0)))
        over_ns = time.monotonic_ns() + 2 * TURN_NS
        while time.monotonic_ns() < over_ns:
            pass
        return body

    async with serving(handlers={"/e/Stop": stop}) as victim, attacker(victim.port) as client:
        await client.send(call(1, b"/e/Stop") + call(3, b"/e/Stop"))
        taken = await client.rest()
        await asyncio.gather(*stopping)
    assert [each.fields["grpc-status"] for each in taken if "grpc-status" in each.fields] == ["0"]
    (ended,) = (each for each in taken if each.kind == frames.RST_STREAM)
    assert (ended.stream, ended.code) == (3, frames.REFUSED_STREAM)
    assert len(stopping) == 1


async def test_a_drain_while_calls_wait_for_others_to_be_sent() -> None:
    async def large(_: bytes, call: Call) -> bytes:
        del call
        return bytes(1_000)

    options = [("blrcs.unsent_bytes", 100)]
    async with (
        serving(options, handlers={"/e/Large": large}) as victim,
        attacker(
            victim.port,
            greeting=frames.PREFACE + frames.settings((frames.INITIAL_WINDOW_SIZE, 0)),
        ) as client,
    ):
        await client.send(call(1, b"/e/Large") + call(3, b"/e/Large"))
        await client.until(lambda each: each.kind == frames.HEADERS)
        stopping = asyncio.create_task(victim.server.stop(20))
        await client.until(lambda each: each.kind == frames.GOAWAY)
        await client.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 65_535)))
        taken = await client.rest()
        assert {each.stream for each in taken if "grpc-status" in each.fields} == {1, 3}
        await stopping


async def test_all_that_was_sent_reaches_a_client_that_takes_its_time_and_sends_on() -> None:
    async def large(_: bytes, call: Call) -> bytes:
        del call
        return bytes(LARGE_BYTES)

    greeting = frames.PREFACE + frames.settings(
        (frames.INITIAL_WINDOW_SIZE, frames.MAX_WINDOW_BYTES)
    )
    greeting += frames.window_update(0, frames.MAX_WINDOW_BYTES - WINDOW_BYTES)
    async with (
        serving(handlers={"/e/Large": large}) as victim,
        attacker(victim.port, greeting=greeting) as client,
    ):
        await client.send(call(1, b"/e/Large"))
        taken = await client.read() or []
        while not any(each.kind == frames.DATA for each in taken):
            taken += await client.read() or []
        stopping = asyncio.create_task(victim.server.stop(20))
        await asyncio.sleep(0)
        # With this the drain has nothing more to wait for than that the socket takes all.
        await client.send(frames.ping(flags=frames.ACK))
        await asyncio.sleep(0.3)
        while (more := await client.read()) is not None:
            taken += more
            await client.send(frames.window_update(0, 65_536))
        assert sum(len(each.payload) for each in taken if each.kind == frames.DATA) > LARGE_BYTES
        assert [each.fields["grpc-status"] for each in taken if "grpc-status" in each.fields] == [
            "0"
        ]
        assert frames.GOAWAY in {each.kind for each in taken}
        await stopping


async def test_a_connection_of_its_age_is_drained() -> None:
    gate = Gate()
    options = [("grpc.max_connection_age_ms", SOON_MS)]
    async with (
        serving(options, handlers={"/e/Gate": gate}) as victim,
        attacker(victim.port) as client,
    ):
        await client.send(call(1, b"/e/Gate"))
        await client.until(lambda each: each.kind == frames.GOAWAY)
        gate.open.set()
        taken = await client.rest()
        assert "0" in [each.fields.get("grpc-status") for each in taken]
        assert victim.counted == {}


async def test_the_grace_of_an_old_connection_has_an_end() -> None:
    gate = Gate()
    options = [
        ("grpc.max_connection_age_ms", SOON_MS),
        ("grpc.max_connection_age_grace_ms", SOON_MS),
    ]
    async with (
        serving(options, handlers={"/e/Gate": gate}) as victim,
        attacker(victim.port) as client,
    ):
        await client.send(call(1, b"/e/Gate"))
        await client.rest()
        await victim.until(lambda: gate.cancelled == 1)


async def test_an_idle_connection_is_drained_and_one_with_a_call_is_not() -> None:
    gate = Gate()
    options = [("grpc.max_connection_idle_ms", SOON_MS)]
    async with (
        serving(options, handlers={"/e/Gate": gate}) as victim,
        attacker(victim.port) as busy,
        attacker(victim.port) as idle,
    ):
        await busy.send(call(1, b"/e/Gate"))
        await gate.began.wait()
        taken = await idle.rest()
        assert ending(taken)[-1] == (0, frames.NO_ERROR)
        gate.open.set()
        assert "0" in [each.fields.get("grpc-status") for each in await busy.rest()]


async def test_a_short_idle_time_holds_from_the_beginning() -> None:
    """However long the server would wait for the client's first word."""
    options = [
        ("grpc.max_connection_idle_ms", SOON_MS),
        ("grpc.server_handshake_timeout_ms", 3_000),
    ]
    async with (
        serving(options) as victim,
        attacker(victim.port, greeting=b"") as silent,
        attacker(victim.port) as idle,
    ):
        ends = {each: asyncio.create_task(each.rest()) for each in (silent, idle)}
        ended, _ = await asyncio.wait(ends.values(), return_when=asyncio.FIRST_COMPLETED)
        assert ends[idle] in ended
        await ends[silent]
        assert victim.counted == {"slow_handshake": 1}


async def test_a_client_that_does_not_answer_a_ping_is_closed() -> None:
    options = [
        ("grpc.keepalive_time_ms", SOON_MS),
        ("grpc.keepalive_timeout_ms", SOON_MS),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    async with serving(options) as victim, attacker(victim.port) as client:
        client.answers_pings = False
        taken = await client.rest()
        assert [each.flags for each in taken if each.kind == frames.PING] == [0]
        assert await victim.serves()


async def test_a_client_that_answers_pings_stays() -> None:
    options = [
        ("grpc.keepalive_time_ms", SOON_MS),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    async with serving(options) as victim, attacker(victim.port) as client:
        for _ in range(3):
            await client.until(lambda each: each.kind == frames.PING)
        await client.send(call(1, b"/e/Echo"))
        await client.until(lambda each: "grpc-status" in each.fields)


async def test_a_connection_without_calls_is_not_pinged_unless_asked() -> None:
    options = [("grpc.keepalive_time_ms", 10), ("grpc.keepalive_timeout_ms", 10)]
    async with serving(options) as victim, attacker(victim.port) as client:
        await asyncio.sleep(0.1)
        await client.send(ping())
        taken = await client.until(lambda each: each.kind == frames.PING)
        assert [each.flags for each in taken if each.kind == frames.PING] == [frames.ACK]


async def test_a_deadline_that_is_far_away_does_not_end_a_call() -> None:
    async with serving() as victim, attacker(victim.port) as client:
        await client.send(
            request(1, b"/e/Echo", (b"grpc-timeout", b"99999999H"))
            + data(1, message(b"x"), end=True)
        )
        taken = await client.until(lambda each: "grpc-status" in each.fields)
        assert taken[-1].fields["grpc-status"] == "0"


async def test_certificates_change_without_a_connection_being_dropped() -> None:
    first = key_and_certificate()
    second = new_key_and_chain()
    configuration = [CertificateConfiguration([first])]
    credentials = ServerCredentials(lambda: configuration[0], require_client_certificate=False)
    async with serving(credentials=credentials) as victim:
        address = f"127.0.0.1:{victim.port}"
        async with (
            grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(first[1])) as old,
            grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(second[1])) as new,
        ):
            assert await old.unary_unary("/e/Echo")(b"1", timeout=20) == b"1"
            configuration[0] = CertificateConfiguration([second])
            assert await new.unary_unary("/e/Echo")(b"2", timeout=20) == b"2"
            assert await old.unary_unary("/e/Echo")(b"3", timeout=20) == b"3"
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection(
                "127.0.0.1",
                victim.port,
                ssl=ssl.create_default_context(cadata=first[1].decode()),
            )
