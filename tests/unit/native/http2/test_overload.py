"""Calls that have waited for their turn in a connection, and places that come back."""

import time
from collections.abc import AsyncIterator

import pytest

from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.load.overload import REFUSAL_NAMES, MethodLoad, Overload
from tests.unit.native.http2.endpoint import Endpoint, status_of
from tests.unit.native.http2.frames import call, data, message, request, reset

MAX_WAIT_NS = 20_000_000
HELD_S = 0.05
REJECTIONS = [[Rejection(14, "overload", name.upper(), name)] for name in REFUSAL_NAMES]


async def echo(body: bytes, _: Call) -> bytes:
    return body


async def hold(body: bytes, _: Call) -> bytes:
    """Holds the event loop."""
    end_s = time.perf_counter() + HELD_S
    while time.perf_counter() < end_s:
        pass
    return body


async def fail(_: bytes, call: Call) -> bytes:
    raise RuntimeError(call.method.name)


async def never(_: bytes, call: Call) -> bytes:
    return await call.read()  # type: ignore[no-any-return]


HANDLERS = {
    "/critical/Hold": hold,
    "/critical/Echo": echo,
    "/normal/Echo": echo,
    "/normal/Fail": fail,
    "/normal/Stream": never,
}


@pytest.fixture
def overload() -> Overload:
    return Overload(
        REJECTIONS,
        max_calls=10,
        max_calls_per_caller=10,
        adaptive=AdaptiveLimit(least=5, most=10),
        max_wait_ns=MAX_WAIT_NS,
    )


@pytest.fixture
async def server(overload: Overload) -> AsyncIterator[Endpoint]:
    def load_of(name: str) -> MethodLoad:
        is_unary = not name.endswith("Stream")
        return overload.method(name, name.split("/")[1], is_unary=is_unary)

    made = Endpoint(HANDLERS, load_of=load_of)
    yield made
    made.close()
    assert (overload.running, overload.callers) == (0, 0)


async def test_what_has_waited_too_long_is_refused_but_if_it_is_critical(server: Endpoint) -> None:
    answer = await server.answer(
        call(1, b"/critical/Hold", b"")
        + call(3, b"/normal/Echo", b"")
        + call(5, b"/critical/Echo", b"")
    )
    assert [status_of(answer, stream) for stream in (1, 3, 5)] == ["0", "14", "0"]


async def test_what_comes_afterwards_is_served(server: Endpoint) -> None:
    await server.answer(call(1, b"/critical/Hold", b""))
    assert status_of(await server.answer(call(3, b"/normal/Echo", b"")), 3) == "0"


async def test_places_of_streams_that_are_reset_come_back(
    server: Endpoint, overload: Overload
) -> None:
    for stream in range(1, 21, 2):
        await server.answer(request(stream, b"/normal/Stream"))
    assert overload.running == 9
    refused = await server.answer(request(21, b"/normal/Stream"))
    assert status_of(refused, 21) == "14"
    for stream in range(1, 21, 2):
        await server.answer(reset(stream))
    assert overload.running == 0
    assert status_of(await server.answer(call(23, b"/normal/Echo", b"")), 23) == "0"


async def test_a_handler_that_raises_holds_no_place(server: Endpoint, overload: Overload) -> None:
    for stream in range(1, 41, 2):
        assert status_of(await server.answer(call(stream, b"/normal/Fail", b"")), stream) == "13"
        assert overload.running == 0


async def test_who_is_slow_to_send_a_request_takes_no_place(
    server: Endpoint, overload: Overload
) -> None:
    for stream in range(1, 41, 2):
        await server.answer(request(stream, b"/normal/Echo"))
    assert overload.running == 0
    late = await server.answer(data(1, message(b""), end=True))
    assert status_of(late, 1) == "0"


async def test_a_connection_that_is_lost_leaves_no_places(
    server: Endpoint, overload: Overload
) -> None:
    for stream in (1, 3, 5):
        await server.answer(request(stream, b"/normal/Stream"))
    assert (overload.running, overload.callers) == (3, 1)
    server.connection.close()
    await server.answer(b"")
    assert (overload.running, overload.callers) == (0, 0)
