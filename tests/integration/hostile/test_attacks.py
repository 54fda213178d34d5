"""Every abuse as raw bytes to a running server: it is counted, and others are served."""

import asyncio
import os
import resource
import ssl

import pytest

from blrcs.transport.tls import ssl_server_credentials
from tests.certificates import key_and_certificate
from tests.integration.hostile.victim import PATIENCE_S, as_options, attacker, serving
from tests.unit.native.http2 import frames
from tests.unit.native.http2.attacks import ATTACKS, GREETINGS, LIMITS
from tests.unit.native.http2.frames import block, call, data, frame, message, request

SOON_MS = 50


# A socket takes more acknowledgements than any client may ask for.
ON_SOCKETS = [name for name in ATTACKS if name != "acknowledgements_unread"]


@pytest.mark.parametrize("name", ON_SOCKETS)
async def test_an_attack_is_counted_and_others_are_served(name: str) -> None:
    attack = ATTACKS[name]
    async with (
        serving(as_options(LIMITS | attack.limits)) as victim,
        attacker(victim.port) as client,
    ):
        await client.send(attack.sent)
        if attack.ends:
            await client.rest()
        await victim.until(lambda: attack.kind in victim.counted)
        assert await victim.serves()


@pytest.mark.parametrize("name", GREETINGS)
async def test_what_does_not_speak_http_2_is_closed(name: str) -> None:
    async with serving() as victim, attacker(victim.port, greeting=GREETINGS[name]) as client:
        await client.rest()
        assert victim.counted == {"protocol_error": 1}
        assert await victim.serves()


@pytest.mark.parametrize("greeting", [b"", frames.PREFACE[:10], frames.PREFACE])
async def test_a_slow_preface_has_an_end(greeting: bytes) -> None:
    options = [("grpc.server_handshake_timeout_ms", SOON_MS)]
    async with serving(options) as victim, attacker(victim.port, greeting=greeting) as client:
        await client.rest()
        assert victim.counted == {"slow_handshake": 1}
        assert await victim.serves()


@pytest.mark.parametrize("sent", [b"", bytes.fromhex("1603010200010001fc0303")])
async def test_a_slow_tls_handshake_has_an_end(sent: bytes) -> None:
    credentials = ssl_server_credentials([key_and_certificate()])
    options = [("grpc.server_handshake_timeout_ms", SOON_MS)]
    async with (
        serving(options, credentials=credentials) as victim,
        attacker(victim.port, greeting=sent) as client,
    ):
        await client.rest()
        assert victim.counted == {"slow_handshake": 1}


async def test_plain_text_to_a_tls_port_is_closed() -> None:
    credentials = ssl_server_credentials([key_and_certificate()])
    async with serving(credentials=credentials) as victim, attacker(victim.port) as client:
        await client.rest()


async def test_a_tls_client_that_does_not_want_http_2_is_closed() -> None:
    key, certificate = key_and_certificate()
    context = ssl.create_default_context(cadata=certificate.decode())
    async with (
        serving(credentials=ssl_server_credentials([(key, certificate)])) as victim,
        attacker(victim.port, greeting=b"", ssl=context) as client,
    ):
        assert await client.rest() == []


@pytest.mark.parametrize("sent_bytes", [9, 20])
async def test_a_slow_head_has_an_end(sent_bytes: int) -> None:
    head = frame(frames.HEADERS, 0, 1, block(frames.request_fields(b"/e/Echo")))
    async with (
        serving([("blrcs.head_timeout_ms", SOON_MS)]) as victim,
        attacker(victim.port) as client,
    ):
        await client.send(head[:sent_bytes])
        await client.rest()
        assert victim.counted == {"slow_headers": 1}
        assert await victim.serves()


async def test_a_refused_head_does_not_end_the_connection_as_a_slow_one() -> None:
    options = [("blrcs.head_timeout_ms", SOON_MS), ("grpc.max_concurrent_streams", 1)]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(request(1, b"/e/Never") + request(3, b"/e/Never"))
        await client.until(lambda each: each.kind == frames.RST_STREAM)
        await asyncio.sleep(3 * SOON_MS / 1_000)
        await client.send(frames.ping())
        await client.until(lambda each: each.kind == frames.PING)
        assert victim.counted == {}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (b"/e/Echo", b""),
        (b"/e/Echo", b"\0\0"),
        (b"/e/Stream", message(b"hello")[:-1]),
        (b"/e/Never", message(b"hello")),
    ],
)
async def test_a_request_that_does_not_come_to_its_end_is_ended(path: bytes, sent: bytes) -> None:
    async with (
        serving([("blrcs.body_timeout_ms", SOON_MS)]) as victim,
        attacker(victim.port) as client,
    ):
        await client.send(request(1, path) + data(1, sent))
        taken = await client.until(lambda each: "grpc-status" in each.fields)
        assert taken[-1].fields["grpc-status"] == "4"
        assert victim.counted == {"slow_body": 1}
        await victim.until(lambda: victim.server.running_calls == 0)
        assert await victim.serves()


async def test_a_call_that_has_sent_its_request_is_not_ended_as_a_slow_one() -> None:
    options = [("blrcs.body_timeout_ms", SOON_MS)]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(call(1, b"/e/Never") + request(3, b"/e/Stream"))
        await asyncio.sleep(4 * SOON_MS / 1_000)
        await client.send(data(3, message(b"late"), end=True))
        taken = await client.until(lambda each: "grpc-status" in each.fields)
        assert (taken[-1].stream, taken[-1].fields["grpc-status"]) == (3, "0")
        assert victim.counted == {}


async def large(_: bytes, call: object) -> bytes:
    del call
    return bytes(100_000)


@pytest.mark.parametrize("window", [0, 1, 70_000])
async def test_a_reply_that_nobody_takes_is_given_up(window: int) -> None:
    async with (
        serving([("blrcs.stall_timeout_ms", SOON_MS)], handlers={"/e/Large": large}) as victim,
        attacker(
            victim.port,
            greeting=frames.PREFACE + frames.settings((frames.INITIAL_WINDOW_SIZE, window)),
        ) as client,
    ):
        await client.send(call(1, b"/e/Large"))
        taken = await client.until(lambda each: each.kind == frames.RST_STREAM)
        assert taken[-1].code == frames.CANCEL
        assert victim.counted == {"stalled_reply": 1}


async def test_a_client_that_reads_nothing_is_given_up() -> None:
    async with (
        serving([("blrcs.stall_timeout_ms", SOON_MS)], handlers={"/e/Large": large}) as victim,
        attacker(
            victim.port,
            greeting=frames.PREFACE + frames.settings((frames.INITIAL_WINDOW_SIZE, 2**30)),
            limit=1_024,
        ) as client,
    ):
        await client.send(frames.window_update(0, 2**30))
        await client.send(b"".join(call(stream, b"/e/Large") for stream in range(1, 199, 2)))
        await victim.until(lambda: victim.counted.get("stalled_reply", 0) > 0)


async def test_a_client_that_asks_for_answers_and_reads_none_is_given_up() -> None:
    options = [("blrcs.frame_burst", 2**31 - 1)]
    async with serving(options) as victim, attacker(victim.port) as client:
        client.stop_reading()
        for _ in range(1_000):
            await client.send(frames.settings() * 7_000)
            if victim.counted:
                break
        assert victim.counted == {"ack_flood": 1}
        assert await victim.serves()


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="AddressSanitizer's own memory counts too")
async def test_a_length_costs_no_memory() -> None:
    options = [("grpc.max_receive_message_length", -1)]
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving(options) as victim, attacker(victim.port) as client:
        for stream in range(1, 99, 2):
            await client.send(request(stream, b"/e/Echo") + data(stream, b"\0\x7f\xff\xff\xff"))
        await client.send(call(101, b"/e/Echo", b"hello"))
        await client.until(lambda each: each.stream == 101 and "grpc-status" in each.fields)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 64 << 10


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ("blrcs.max_connections", "connection_limit"),
        ("blrcs.max_connections_per_address", "address_limit"),
    ],
)
async def test_connections_are_limited(option: str, kind: str) -> None:
    async with serving([(option, 2)]) as victim:
        async with attacker(victim.port) as first, attacker(victim.port) as second:
            for client in (first, second):
                await client.until(lambda each: each.kind == frames.SETTINGS)
            async with attacker(victim.port) as third:
                assert await third.rest() == []
            assert victim.counted == {kind: 1}
            await first.send(call(1, b"/e/Echo"))
            await first.until(lambda each: "grpc-status" in each.fields)
        await victim.until(lambda: victim.server.connections == 0)
        assert await victim.serves()


async def test_calls_that_wait_for_their_request_are_refused_beyond_the_limit() -> None:
    options = [("grpc.max_concurrent_streams", 3)]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(b"".join(request(stream, b"/e/Echo") for stream in (1, 3, 5, 7)))
        taken = await client.until(lambda each: each.kind == frames.RST_STREAM)
        assert (taken[-1].stream, taken[-1].code) == (7, frames.REFUSED_STREAM)
        assert await victim.serves()


async def test_the_message_of_a_call_may_come_in_a_thousand_frames() -> None:
    body = bytes(range(256)) * 4
    async with serving() as victim, attacker(victim.port) as client:
        whole = message(body)
        parts = [frame(frames.DATA, 0, 1, whole[at : at + 1]) for at in range(len(whole))]
        await client.send(request(1, b"/e/Echo") + b"".join(parts) + data(1, b"", end=True))
        taken = await client.until(lambda each: "grpc-status" in each.fields)
        assert b"".join(each.payload for each in taken if each.kind == frames.DATA) == whole
        assert victim.counted == {}


async def test_an_attack_leaves_nothing_behind() -> None:
    async with serving(as_options(LIMITS)) as victim:
        for attack in ("rapid_reset", "rapid_reset_of_whole_calls", "data_after_the_end"):
            async with attacker(victim.port) as client:
                await client.send(ATTACKS[attack].sent)
                await client.rest()
        await victim.until(lambda: victim.server.connections == 0)
        async with asyncio.timeout(PATIENCE_S):
            await victim.until(lambda: victim.server.running_calls == 0)
