"""What a connection makes of clients that mean it ill; the same over sockets is in integration."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blrcs.assembly.metrics import ServerMetrics
from blrcs.workers.memory import METRIC_CELLS
from blrcs_native.calls.call import Call
from blrcs_native.http2.abuse import ABUSES, AbuseCounters
from blrcs_native.monitoring.metrics import MetricsBlock
from tests.unit.native.http2 import frames
from tests.unit.native.http2.attacks import ATTACKS, GREETINGS, LIMITS, Attack
from tests.unit.native.http2.endpoint import Endpoint, Open, echo, never, of_kind, status_of, turns
from tests.unit.native.http2.frames import call, data, frame, message, ping, request, reset


async def reading(_: Any, call: Call) -> None:
    await call.read()


@pytest.fixture
def endpoint() -> Iterator[Open]:
    opened: list[Endpoint] = []

    def open_endpoint(**limits: Any) -> Endpoint:
        handlers = {"/e/Echo": echo, "/e/Never": never, "/e/Stream": reading}
        opened.append(Endpoint(handlers, **LIMITS | limits))
        return opened[-1]

    yield open_endpoint
    for each in opened:
        each.close()


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_counted_by_its_name(endpoint: Open, name: str) -> None:
    attack: Attack = ATTACKS[name]
    server = endpoint(**attack.limits)
    answer = await server.answer(attack.sent)
    assert attack.kind in server.counted
    assert bool(of_kind(answer, frames.GOAWAY)) == attack.ends
    assert server.unexpected == []
    if attack.ends:
        assert not server.receive(call(1_000_001, b"/e/Echo"))
        server.connection.close()
        await turns()
        assert server.dispatcher.running == 0
    else:
        assert status_of(answer) == "8"
        assert status_of(await server.answer(call(1_000_001, b"/e/Echo")), 1_000_001) == "0"


@pytest.mark.parametrize("name", GREETINGS)
async def test_what_does_not_speak_http_2_is_told_so(endpoint: Open, name: str) -> None:
    server = endpoint(greet=False)
    answer = await server.answer(GREETINGS[name])
    assert server.counted == {"protocol_error": 1}
    (last,) = of_kind(answer, frames.GOAWAY)
    assert last.code == frames.PROTOCOL_ERROR


async def test_a_flood_that_comes_in_small_parts_is_one_too(endpoint: Open) -> None:
    server = endpoint(max_ping_strikes=0)
    for _ in range(LIMITS["frame_burst"]):
        if not server.receive(ping()):
            break
        server.take()
    assert not server.receive(ping())
    assert server.counted == {"ping_flood": 1}


async def test_calls_pay_for_the_frames_around_them(endpoint: Open) -> None:
    server = endpoint(max_ping_strikes=0)
    for stream in range(1, 1_000, 2):
        update = frames.window_update(0, 5)
        assert server.receive(update + call(stream, b"/e/Echo") + update)
        server.take()
    assert server.counted == {}


async def test_calls_that_end_well_pay_for_some_that_are_reset(endpoint: Open) -> None:
    server = endpoint()
    for stream in range(1, 1_000, 4):
        await server.answer(call(stream, b"/e/Echo"))
        assert server.receive(call(stream + 2, b"/e/Never") + reset(stream + 2))
        await turns(3)
    assert server.counted == {}


async def test_three_pings_without_a_call_are_too_many(endpoint: Open) -> None:
    server = endpoint()
    assert server.receive(ping())
    assert server.receive(ping())
    assert server.receive(ping())
    assert not server.receive(ping())
    (last,) = of_kind(server.take(), frames.GOAWAY)
    assert last.code == frames.ENHANCE_YOUR_CALM
    assert last.payload[8:] == b"too_many_pings"


async def test_whoever_is_sent_something_may_ping_again(endpoint: Open) -> None:
    server = endpoint()
    for stream in range(1, 40, 2):
        assert server.receive(ping() + call(stream, b"/e/Echo"))
        server.take()
    assert server.counted == {}


@pytest.mark.parametrize(
    "asking", [lambda _: frames.settings(), lambda stream: request(stream, b"/e/Never")]
)
async def test_answers_that_are_not_read_have_an_end(
    endpoint: Open, asking: Callable[[int], bytes]
) -> None:
    server = endpoint(frame_burst=100_000)
    for stream in range(1, 20_000, 2):
        if not server.receive(asking(stream)):
            break
    assert server.counted == {"ack_flood": 1}


async def test_padding_alone_is_not_data(endpoint: Open) -> None:
    server = endpoint()
    server.receive(request(1, b"/e/Never"))
    for _ in range(LIMITS["frame_burst"] + 20):
        if not server.receive(frames.padded(1, 0)):
            break
        server.take()
    assert server.counted == {"empty_data_flood": 1}


async def test_a_head_beyond_the_limit_does_not_look_unfinished(endpoint: Open) -> None:
    server = endpoint(max_streams=1)
    server.receive(request(1, b"/e/Never") + request(3, b"/e/Never"))
    assert not server.connection.head_is_pending
    server.receive(frame(frames.HEADERS, 0, 5, b"") + frame(frames.CONTINUATION, 4, 5))
    assert not server.connection.head_is_pending


async def test_a_head_is_pending_until_it_ends(endpoint: Open) -> None:
    server = endpoint()
    whole = frames.head(1, frames.block(frames.request_fields(b"/e/Never")))
    server.receive(whole[:20])
    assert server.connection.head_is_pending
    server.receive(whole[20:])
    assert not server.connection.head_is_pending
    server.receive(frame(frames.HEADERS, 0, 3, frames.block([(b"X-Upper", b"")])))
    assert server.connection.head_is_pending
    server.receive(frame(frames.CONTINUATION, 4, 3))
    server.take()
    assert not server.connection.head_is_pending


@pytest.mark.parametrize(("continuations", "counted"), [(8, {}), (9, {"continuation_flood": 1})])
async def test_a_head_is_in_eight_continuations_at_most(
    endpoint: Open, continuations: int, counted: dict[str, int]
) -> None:
    server = endpoint()
    octets = frames.block(frames.request_fields(b"/e/Echo"))
    flags = [0] * (continuations - 1) + [frames.END_HEADERS]
    answer = await server.answer(
        frame(frames.HEADERS, 0, 1, octets)
        + b"".join(frame(frames.CONTINUATION, each, 1) for each in flags)
        + data(1, message(b""), end=True)
    )
    assert server.counted == counted
    assert status_of(answer) == (None if counted else "0")


async def test_a_length_is_refused_before_anything_is_held_for_it(endpoint: Open) -> None:
    server = endpoint(max_receive_bytes=10)
    answer = await server.answer(request(1, b"/e/Echo") + data(1, message(bytes(11))[:5]))
    assert status_of(answer) == "8"


async def test_a_compressed_message_that_is_too_large_as_sent_is_no_bomb_of_compression(
    endpoint: Open,
) -> None:
    server = endpoint(max_receive_bytes=10)
    await server.answer(
        request(1, b"/e/Echo", (b"grpc-encoding", b"gzip")) + data(1, message(bytes(11), 1))
    )
    assert server.counted == {"message_bomb": 1}


def test_the_metric_counts_along() -> None:
    metrics = ServerMetrics(MetricsBlock(METRIC_CELLS))
    AbuseCounters(metrics.abuse)
    assert {labels for (labels,), _ in metrics.abuse.rows()} == set(ABUSES)
