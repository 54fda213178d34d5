"""What a handler is given of a stream of messages, whatever it keeps of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from tests.unit.native.http2.endpoint import Endpoint, status_of
from tests.unit.native.http2.frames import data, message, request

METHOD = "/e/Stream"
COUNT = 60
Told = Callable[[AsyncIterator[Any], Call], Any]


def value_of(number: int) -> Value:
    """Every third is a text, every third a list, and every third nothing."""
    if number % 3 == 0:
        return Value(string_value=f"text {number}")
    if number % 3 == 1:
        return Value(list_value=ListValue(values=[Value(number_value=number)]))
    return Value()


def body_of_values(numbers: Iterator[int] | range) -> bytes:
    return b"".join(message(value_of(number).SerializeToString()) for number in numbers)


async def status_after(handler: Told, body: bytes, **options: Any) -> str | None:
    """The status of a call whose messages are all there when it begins."""
    endpoint = Endpoint({METHOD: handler}, parse=Value.FromString, **options)
    try:
        opened = request(1, METHOD.encode())
        answer = await endpoint.answer(opened + data(1, body, end=True))
        assert endpoint.unexpected == []
        return status_of(answer)
    finally:
        endpoint.close()


async def test_each_message_says_what_it_alone_said() -> None:
    seen: list[bytes] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        async for each in requests:
            seen.append(each.SerializeToString())  # noqa: PERF401 - as a handler reads

    assert await status_after(handler, body_of_values(range(COUNT))) == "0"
    assert seen == [value_of(number).SerializeToString() for number in range(COUNT)]


@pytest.mark.parametrize("step", [1, 2, 3, 7])
async def test_messages_that_are_kept_stay_as_they_are(step: int) -> None:
    kept: list[Any] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        number = 0
        async for each in requests:
            if number % step == 0:
                kept.append(each)
            number += 1

    assert await status_after(handler, body_of_values(range(COUNT))) == "0"
    assert kept == [value_of(number) for number in range(0, COUNT, step)]


async def test_parts_that_are_kept_stay_as_they_are() -> None:
    lists: list[Any] = []
    unset: list[Any] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        async for each in requests:
            lists.append(each.list_value.values)
            unset.append(each.struct_value)

    assert await status_after(handler, body_of_values(range(COUNT))) == "0"
    assert [list(each) for each in lists] == [
        list(value_of(number).list_value.values) for number in range(COUNT)
    ]
    assert unset == [Struct()] * COUNT


async def test_what_a_handler_writes_into_a_message_is_gone_with_it() -> None:
    seen: list[str] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        async for each in requests:
            seen.append(each.string_value)
            each.string_value = "own"

    assert await status_after(handler, body_of_values(range(COUNT))) == "0"
    assert seen == [value_of(number).string_value for number in range(COUNT)]


async def test_messages_that_are_asked_for_at_once_are_different_ones() -> None:
    got: list[Any] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        asked = [anext(requests) for _ in range(6)]
        got.extend([await each for each in asked])

    assert await status_after(handler, body_of_values(range(6))) == "0"
    assert got == [value_of(number) for number in range(6)]


async def test_a_message_can_be_awaited_again() -> None:
    got: list[Any] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        asked = requests.__anext__()
        got.append(await asked)
        await anext(requests)
        got.append(await asked)

    assert await status_after(handler, body_of_values(range(6))) == "0"
    assert got == [value_of(0)] * 2


async def test_a_small_message_follows_a_large_one_and_the_reverse() -> None:
    sizes = [0, 100, 10_000, 3, 600, 511, 512, 513, 1, 0]
    seen: list[int] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        async for each in requests:
            seen.append(len(each.string_value))  # noqa: PERF401 - as a handler reads

    bodies = [Value(string_value="x" * size).SerializeToString() for size in sizes]
    assert await status_after(handler, b"".join(map(message, bodies))) == "0"
    assert seen == sizes


async def test_what_is_no_message_ends_the_call_at_its_place() -> None:
    seen: list[Any] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        async for each in requests:
            seen.append(each.string_value)  # noqa: PERF401 - as a handler reads

    body = body_of_values(range(4)) + message(b"\xff") + body_of_values(range(4))
    assert await status_after(handler, body) == "3"
    assert seen == [value_of(number).string_value for number in range(4)]


class Third(Guard):
    """Rejects the third message, at once or after having waited."""

    def __init__(self, stage: str, *, waits: bool) -> None:
        super().__init__(stage)
        self._waits = waits
        self._asked = 0

    def check(self, call: Call) -> Any:
        self._asked += 1
        # Before the call, where the guard stands at its head, and before each message.
        verdict = Rejection(7, self.stage, "", "no") if self._asked > 3 else None
        return self._later(verdict) if self._waits else verdict

    async def _later(self, verdict: Rejection | None) -> Rejection | None:
        return verdict


@pytest.mark.parametrize("waits", [False, True])
async def test_a_guard_that_is_asked_again_ends_the_stream(waits: bool) -> None:
    seen: list[Any] = []

    async def handler(requests: AsyncIterator[Any], _: Call) -> None:
        async for each in requests:
            seen.append(each.string_value)  # noqa: PERF401 - as a handler reads

    guards = [Third("authorization", waits=waits)]
    assert await status_after(handler, body_of_values(range(6)), guards=guards) == "7"
    assert seen == [value_of(number).string_value for number in range(2)]
