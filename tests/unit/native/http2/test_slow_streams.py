"""When a client is too slow to send its request, by a clock that the test has."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from blrcs_native.http2.connection_rules import ConnectionRules
from blrcs_native.http2.slow_streams import end_slow
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, body_of, of_kind, status_of, turns
from tests.unit.native.http2.frames import data, message, request

SECOND = 1_000_000_000
TIMEOUT_S = 10
BYTES_PER_S = 100
RULES = ConnectionRules(body_timeout_ns=TIMEOUT_S * SECOND, min_body_bytes_per_s=BYTES_PER_S)
DEADLINE_EXCEEDED = "4"
WINDOW_BYTES = 1_024


async def echo(body: bytes, _: Call) -> bytes:
    return body


async def echo_all(_: Any, call: Call) -> None:
    while isinstance(body := await call.read(), bytes):
        await call.write(body)


async def reading_nothing(_: Any, call: Call) -> None:
    del call
    await asyncio.get_running_loop().create_future()


Open = Callable[..., Endpoint]
HANDLERS = {"/e/Echo": echo, "/e/Stream": echo_all, "/e/DeafStream": reading_nothing}


class Watch:
    """A server's end, looked at once a second."""

    def __init__(self, server: Endpoint) -> None:
        self._server = server
        self._now_ns = SECOND

    async def seconds(self, count: int, *, each: bytes = b"") -> list[frames.Frame]:
        """What is sent in so many seconds, in each of which the client sends the same."""
        taken: list[frames.Frame] = []
        for _ in range(count):
            self._server.receive(each)
            await turns(5)
            end_slow(self._server.connection, RULES, self._now_ns)
            self._now_ns += SECOND
            await turns(5)
            taken += self._server.take()
        return taken


@pytest.fixture
def endpoint() -> Iterator[Open]:
    opened: list[Endpoint] = []

    def open_endpoint(**limits: Any) -> Endpoint:
        opened.append(Endpoint(HANDLERS, **limits))
        return opened[-1]

    yield open_endpoint
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (b"/e/Echo", b""),
        (b"/e/Echo", b"\0\0"),
        (b"/e/Echo", message(b"hello")[:-1]),
        (b"/e/Echo", message(b"hello")),
        (b"/e/Stream", b"\0"),
        (b"/e/Stream", message(b"hello")[:-1]),
        (b"/e/Stream", message(b"one") + message(b"two")[:-1]),
    ],
)
async def test_a_request_that_stops_within_a_message_is_ended(
    endpoint: Open, path: bytes, sent: bytes
) -> None:
    server = endpoint()
    watch = Watch(server)
    server.receive(request(1, path) + data(1, sent))
    assert status_of(await watch.seconds(TIMEOUT_S)) is None
    answer = await watch.seconds(1)
    assert status_of(answer) == DEADLINE_EXCEEDED
    assert [each.code for each in of_kind(answer, frames.RST_STREAM)] == [frames.NO_ERROR]
    assert server.counted == {"slow_body": 1}
    assert server.dispatcher.running == 0


@pytest.mark.parametrize("sent", [b"", message(b"hello"), message(b"one") + message(b"two")])
async def test_a_stream_may_be_silent_between_messages(endpoint: Open, sent: bytes) -> None:
    server = endpoint()
    watch = Watch(server)
    server.receive(request(1, b"/e/Stream") + data(1, sent))
    answer = await watch.seconds(5 * TIMEOUT_S)
    assert body_of(answer) == sent
    answer = await server.answer(data(1, message(b"last"), end=True))
    assert (body_of(answer), status_of(answer)) == (message(b"last"), "0")
    assert server.counted == {}


async def test_messages_that_come_whole_may_come_slowly(endpoint: Open) -> None:
    server = endpoint()
    watch = Watch(server)
    server.receive(request(1, b"/e/Stream"))
    answer = await watch.seconds(3 * TIMEOUT_S, each=data(1, message(b"x")))
    assert body_of(answer) == message(b"x") * 3 * TIMEOUT_S
    assert server.counted == {}


@pytest.mark.parametrize(("bytes_per_s", "ended"), [(BYTES_PER_S - 1, True), (BYTES_PER_S, False)])
async def test_what_comes_at_the_least_rate_may_take_its_time(
    endpoint: Open, bytes_per_s: int, ended: bool
) -> None:
    server = endpoint()
    watch = Watch(server)
    body = bytes(4 * TIMEOUT_S * bytes_per_s)
    server.receive(request(1, b"/e/Echo") + data(1, message(body)[: -len(body)]))
    answer = await watch.seconds(3 * TIMEOUT_S, each=data(1, bytes(bytes_per_s)))
    assert (status_of(answer) == DEADLINE_EXCEEDED) == ended
    assert server.counted == ({"slow_body": 1} if ended else {})


async def test_each_period_counts_for_itself(endpoint: Open) -> None:
    server = endpoint()
    watch = Watch(server)
    server.receive(request(1, b"/e/Echo") + data(1, message(bytes(100_000))[:5]))
    answer = await watch.seconds(TIMEOUT_S, each=data(1, bytes(1_000)))
    assert status_of(answer) is None
    assert status_of(await watch.seconds(TIMEOUT_S + 1)) == DEADLINE_EXCEEDED


async def test_a_message_that_nobody_has_asked_for_yet_is_not_ended(endpoint: Open) -> None:
    server = endpoint()
    watch = Watch(server)
    server.receive(request(1, b"/e/DeafStream") + data(1, message(b"one") + message(b"two")[:-1]))
    assert status_of(await watch.seconds(3 * TIMEOUT_S)) is None
    assert server.counted == {}


async def test_a_message_that_waits_for_others_to_be_gathered_is_not_ended(
    endpoint: Open,
) -> None:
    server = endpoint(window_bytes=WINDOW_BYTES, max_receive_bytes=10_000, gathered_bytes=10_000)
    # The windows are as small only once the client knows.
    server.receive(frames.settings(flags=frames.ACK))
    watch = Watch(server)
    begun = message(bytes(9_000))[:WINDOW_BYTES]
    for stream in (1, 3):
        server.receive(request(stream, b"/e/Echo") + data(stream, begun))
    answer = await watch.seconds(TIMEOUT_S + 1)
    assert status_of(answer, 1) == DEADLINE_EXCEEDED
    assert status_of(answer, 3) is None
    # There is room for it now.
    answer = await watch.seconds(TIMEOUT_S + 1)
    assert status_of(answer, 3) == DEADLINE_EXCEEDED
    assert server.counted == {"slow_body": 2}
