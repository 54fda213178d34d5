"""The limits that docs/transport.md lists, each by the name of its option, on a real socket."""

import asyncio

import pytest

from blrcs_native.calls.call import Call
from tests.integration.hostile.test_life_of_connections import ending
from tests.integration.hostile.victim import RawClient, attacker, serving
from tests.unit.native.http2 import frames
from tests.unit.native.http2.frames import call, data, message, ping, request

MAX_FRAME_SIZE, MAX_CONCURRENT_STREAMS = 5, 3
RESOURCE_EXHAUSTED = "8"
PERIOD_MS = 500
LARGE_PREFIX = b"\0" + (1 << 30).to_bytes(4)


async def status(client: RawClient, stream: int) -> str:
    taken = await client.until(lambda each: each.stream == stream and "grpc-status" in each.fields)
    return taken[-1].fields["grpc-status"]


async def told(client: RawClient) -> dict[int, int]:
    """The server's settings."""
    taken = await client.until(lambda each: each.kind == frames.SETTINGS and not each.flags)
    payload = taken[-1].payload
    return {
        int.from_bytes(payload[at : at + 2]): int.from_bytes(payload[at + 2 : at + 6])
        for at in range(0, len(payload), 6)
    }


async def test_a_message_that_is_sent_has_a_largest_size() -> None:
    async def sized(body: bytes, _: Call) -> bytes:
        return bytes(int(body))

    options = [("grpc.max_send_message_length", 100)]
    async with (
        serving(options, handlers={"/e/Sized": sized}) as victim,
        attacker(victim.port) as client,
    ):
        await client.send(call(1, b"/e/Sized", b"100"))
        assert await status(client, 1) == "0"
        await client.send(call(3, b"/e/Sized", b"101"))
        assert await status(client, 3) == RESOURCE_EXHAUSTED


def padded_to(head_bytes: int) -> tuple[bytes, bytes]:
    """The field that makes a head of ``/e/Echo`` so large, with 32 octets for each field."""
    others = frames.request_fields(b"/e/Echo")
    used = sum(len(name) + len(value) + 32 for name, value in others)
    return b"x", bytes(b"a" * (head_bytes - used - 33))


async def test_heads_below_the_first_limit_are_taken_and_above_the_second_refused() -> None:
    options = [("grpc.max_metadata_size", 2_000), ("grpc.absolute_max_metadata_size", 3_000)]
    async with serving(options) as victim, attacker(victim.port) as client:
        for stream in range(1, 41, 2):
            await client.send(call(stream, b"/e/Echo", b"", padded_to(2_000)))
            assert await status(client, stream) == "0"
        await client.send(call(41, b"/e/Echo", b"", padded_to(3_001)))
        assert await status(client, 41) == RESOURCE_EXHAUSTED
        assert victim.counted == {"header_bomb": 1}
        await client.send(request(43, b"/e/Echo", padded_to(12_001)))
        assert ending(await client.rest())[-1][1] == frames.ENHANCE_YOUR_CALM


async def test_between_the_limits_a_share_of_heads_is_refused() -> None:
    options = [("grpc.max_metadata_size", 1_000), ("grpc.absolute_max_metadata_size", 3_000)]
    found = set()
    async with serving(options) as victim, attacker(victim.port) as client:
        for stream in range(1, 2_001, 2):
            await client.send(call(stream, b"/e/Echo", b"", padded_to(2_000)))
            found.add(await status(client, stream))
            if len(found) == 2:
                break
    assert found == {"0", RESOURCE_EXHAUSTED}


@pytest.mark.parametrize(
    ("fields", "limit", "expected"),
    [
        ([(b"x-%d" % n, b"") for n in range(4)], 10, "0"),
        ([(b"x-%d" % n, b"") for n in range(5)], 10, RESOURCE_EXHAUSTED),
        ([(b"x-bin", b"YQ,YQ,YQ,YQ")], 10, "0"),
        ([(b"x-bin", b"YQ,YQ,YQ,YQ,YQ")], 10, RESOURCE_EXHAUSTED),
        ([(b"x-bin", b",".join([b"YQ"] * 64))], 128, "0"),
        ([(b"x-bin", b",".join([b"YQ"] * 65))], 128, "13"),
    ],
)
async def test_fields_of_a_head_are_counted(
    fields: list[frames.Field], limit: int, expected: str
) -> None:
    options = [("blrcs.max_metadata_fields", limit)]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(call(1, b"/e/Echo", b"", *fields))
        assert await status(client, 1) == expected


async def test_the_window_of_a_call_is_told_and_held_to() -> None:
    options = [("grpc.http2.lookahead_bytes", 70_000)]
    async with serving(options) as victim, attacker(victim.port) as client:
        assert (await told(client))[frames.INITIAL_WINDOW_SIZE] == 70_000
        await client.send(frames.settings(flags=frames.ACK))
        await client.send(request(1, b"/e/Never") + data(1, bytes(70_001)))
        taken = await client.until(lambda each: each.kind in {frames.RST_STREAM, frames.GOAWAY})
        assert taken[-1].code == frames.FLOW_CONTROL_ERROR


async def test_the_largest_frame_is_told_and_held_to() -> None:
    options = [("grpc.http2.max_frame_size", 20_000)]
    async with serving(options) as victim, attacker(victim.port) as client:
        assert (await told(client))[MAX_FRAME_SIZE] == 20_000
        await client.send(frames.settings(flags=frames.ACK))
        body = message(bytes(20_000 - 5))
        await client.send(
            request(1, b"/e/Echo") + frames.frame(frames.DATA, frames.END_STREAM, 1, body)
        )
        assert await status(client, 1) == "0"
        await client.send(request(3, b"/e/Echo") + frames.frame(frames.DATA, 0, 3, bytes(20_001)))
        assert ending(await client.rest())[-1][1] == frames.FRAME_SIZE_ERROR


async def test_calls_at_once_are_told_and_held_to() -> None:
    options = [("grpc.max_concurrent_streams", 2)]
    calls = b"".join(request(stream, b"/e/Never") for stream in (1, 3, 5))
    async with (
        serving(options) as victim,
        attacker(victim.port) as unaware,
        attacker(victim.port) as aware,
    ):
        assert (await told(aware))[MAX_CONCURRENT_STREAMS] == 2
        await unaware.send(calls)
        taken = await unaware.until(lambda each: each.kind == frames.RST_STREAM)
        assert (taken[-1].stream, taken[-1].code) == (5, frames.REFUSED_STREAM)
        await aware.send(frames.settings(flags=frames.ACK) + calls)
        assert ending(await aware.rest())[-1] == (3, frames.PROTOCOL_ERROR)


async def test_large_messages_are_gathered_within_a_budget() -> None:
    size = 150_000
    options = [("grpc.max_receive_message_length", size), ("blrcs.gathered_bytes", size)]
    body = message(bytes(size))
    first = body[: frames.MAX_FRAME_BYTES]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(
            request(1, b"/e/Echo") + data(1, first) + request(3, b"/e/Echo") + data(3, first)
        )
        await client.send(ping())
        taken = await client.until(lambda each: each.kind == frames.PING)
        # The one whose turn it is may send all of it, and the other has to wait.
        assert granted(taken, 1) >= len(body) - 65_535
        assert granted(taken, 3) == 0
        await client.send(data(1, body[len(first) :], end=True))
        taken = await client.until(
            lambda each: each.kind == frames.WINDOW_UPDATE and each.stream == 3
        )
        assert granted(taken, 3) >= len(body) - 65_535


def granted(taken: list[frames.Frame], stream: int) -> int:
    return sum(
        int.from_bytes(each.payload)
        for each in taken
        if each.kind == frames.WINDOW_UPDATE and each.stream == stream
    )


async def test_a_request_has_to_come_at_a_least_rate() -> None:
    options = [
        ("blrcs.body_timeout_ms", PERIOD_MS),
        ("blrcs.min_body_bytes_per_s", 1_000_000),
        ("grpc.max_receive_message_length", 1 << 30),
    ]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(request(1, b"/e/Echo") + data(1, LARGE_PREFIX))

        async def trickle() -> None:
            """More than is asked for by default."""
            while True:
                await client.send(data(1, bytes(100)))
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as both:
            trickling = both.create_task(trickle())
            assert await status(client, 1) == "4"
            trickling.cancel()
        assert victim.counted == {"slow_body": 1}


@pytest.mark.parametrize("is_permitted", [False, True])
async def test_without_calls_pings_are_counted_unless_they_are_permitted(
    is_permitted: bool,
) -> None:
    options = [
        ("grpc.http2.min_ping_interval_without_data_ms", 0),
        ("grpc.keepalive_permit_without_calls", int(is_permitted)),
        ("grpc.http2.max_ping_strikes", 1),
    ]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(ping() * 3)
        if is_permitted:
            for _ in range(3):
                await client.until(lambda each: each.kind == frames.PING)
            assert victim.counted == {}
        else:
            last = [each for each in await client.rest() if each.kind == frames.GOAWAY][-1]
            assert last.code == frames.ENHANCE_YOUR_CALM
            assert last.payload[8:] == b"too_many_pings"
            assert victim.counted == {"ping_flood": 1}


@pytest.mark.parametrize(("accepted", "flag"), [(b"gzip", 1), (b"identity", 0)])
async def test_replies_are_compressed_where_the_client_accepts_it(
    accepted: bytes, flag: int
) -> None:
    options = [("grpc.default_compression_algorithm", 2)]
    async with serving(options) as victim, attacker(victim.port) as client:
        await client.send(call(1, b"/e/Echo", bytes(1_000), (b"grpc-accept-encoding", accepted)))
        taken = await client.until(lambda each: each.kind == frames.DATA)
        assert taken[-1].payload[0] == flag
