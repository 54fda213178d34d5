"""Calls whose direct handler answers in a later turn, over a connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blrcs.v1 import record_pb2
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.creation import DirectCreateRecord
from blrcs_native.load.overload import REFUSAL_NAMES, Overload
from tests.unit.native.http2.endpoint import Endpoint, body_of, of_kind, status_of, turns
from tests.unit.native.http2.frames import (
    FLOW_CONTROL_ERROR,
    RST_STREAM,
    Frame,
    call,
    message,
    reset,
    window_update,
)

CREATE = "/blrcs.v1.RecordService/CreateRecord"
PARENT = "tenants/acme/collections/orders"
REJECTIONS = [[Rejection(14, "overload", name.upper(), name)] for name in REFUSAL_NAMES]


def body(record_id: str = "", data: dict[str, object] | None = None, parent: str = PARENT) -> bytes:
    record = record_pb2.Record(data=data or {})
    request = record_pb2.CreateRecordRequest(parent=parent, record_id=record_id, record=record)
    return request.SerializeToString()


class Waiting:
    """A server of one method: which groups are carried out, and what its handler is given."""

    def __init__(self, places: int = 100, max_calls: int | None = None, **limits: int) -> None:
        self.groups: list[list[str]] = []
        self.results: list[asyncio.Future[bool]] = []
        self.handled: list[bytes] = []
        self.plain = True
        self.overload = Overload(REJECTIONS, max_calls=places, max_calls_per_caller=places)
        self.server = Endpoint(
            {CREATE: self.handle},
            load_of=lambda name: self.overload.method(name, "normal", is_unary=True),
            direct_of=lambda _: DirectCreateRecord(self.key_of, self.create, 30),
            max_calls=max_calls,
            **limits,
        )

    def key_of(self, name: str) -> object:
        return (name,) if self.plain else None

    async def create(
        self, key: object, ids: list[str], texts: list[str], data: list[bytes]
    ) -> list[bytes] | None:
        assert key in {(PARENT,), (PARENT + "2",)}
        self.groups.append(list(ids))
        self.results.append(asyncio.get_running_loop().create_future())
        is_done = await self.results[-1]
        if not is_done:
            return None
        return [
            b"%s %s" % (name.encode(), text.encode()) for name, text in zip(ids, texts, strict=True)
        ]

    async def handle(self, request: bytes, _: Call) -> bytes:
        self.handled.append(request)
        return b"handled"

    async def ask(self, stream: int, record_id: str, *fields: tuple[bytes, bytes]) -> None:
        """Makes a call that is not answered at once."""
        request = call(stream, CREATE.encode(), body(record_id), *fields)
        assert status_of(await self.server.answer(request), stream) is None

    async def settle(self, is_done: bool = True) -> list[Frame]:
        self.results[-1].set_result(is_done)
        return await self.server.answer(b"")


@pytest.fixture
async def waiting() -> AsyncIterator[Waiting]:
    made = Waiting()
    yield made
    made.server.close()
    for each in made.results:
        each.cancel()
    await turns()
    assert (made.overload.running, made.server.dispatcher.running) == (0, 0)
    assert made.server.unexpected == []


async def test_it_is_the_reply(waiting: Waiting) -> None:
    await waiting.ask(1, "a")
    assert (waiting.groups, waiting.overload.running) == ([["a"]], 1)
    answer = await waiting.settle()
    assert (status_of(answer), body_of(answer)) == ("0", message(b"a {}"))
    assert (waiting.overload.running, waiting.handled) == (0, [])


async def test_those_that_come_meanwhile_go_together(waiting: Waiting) -> None:
    await waiting.ask(1, "a")
    for stream, record_id in ((3, "b"), (5, ""), (7, ""), (9, "c")):
        await waiting.ask(stream, record_id)
    assert waiting.groups == [["a"]]
    await waiting.settle()
    assert waiting.groups == [["a"], ["b", "", "", "c"]]
    answer = await waiting.settle()
    assert [body_of(answer, stream) for stream in (3, 5, 7, 9)] == [
        message(each) for each in (b"b {}", b" {}", b" {}", b"c {}")
    ]
    await waiting.ask(11, "d")
    assert waiting.groups[2:] == [["d"]]


async def test_equal_ids_do_not_go_together(waiting: Waiting) -> None:
    for stream, record_id in ((1, "a"), (3, "b"), (5, "b"), (7, "c")):
        await waiting.ask(stream, record_id)
    await waiting.settle()
    await waiting.settle()
    await waiting.settle()
    assert waiting.groups == [["a"], ["b"], ["b", "c"]]


async def test_collections_do_not_wait_for_each_other(waiting: Waiting) -> None:
    await waiting.ask(1, "a")
    request = call(3, CREATE.encode(), body("b", parent=PARENT + "2"))
    await waiting.server.answer(request)
    assert waiting.groups == [["a"], ["b"]]
    assert body_of(await waiting.settle(), 3) == message(b"b {}")


async def test_where_nothing_was_done_the_handlers_run_in_the_places_that_were_taken(
    waiting: Waiting,
) -> None:
    await waiting.ask(1, "a")
    answer = await waiting.settle(is_done=False)
    assert (status_of(answer), body_of(answer)) == ("0", message(b"handled"))
    assert waiting.handled == [body("a")]
    await waiting.ask(3, "b")
    waiting.results[-1].set_exception(RuntimeError("away"))
    assert body_of(await waiting.server.answer(b""), 3) == message(b"handled")


async def test_where_it_is_not_known_what_was_done_it_is_not_done_again(waiting: Waiting) -> None:
    await waiting.ask(1, "a")
    await waiting.ask(3, "b")
    waiting.results[-1].cancel()
    answer = await waiting.server.answer(b"")
    assert [status_of(answer, stream) for stream in (1, 3)] == ["1", "1"]
    assert waiting.handled == []
    await waiting.ask(5, "c")
    assert waiting.groups == [["a"], ["c"]]


async def test_what_is_not_plain_is_handled(waiting: Waiting) -> None:
    waiting.plain = False
    answer = await waiting.server.answer(call(1, CREATE.encode(), body("a")))
    assert body_of(answer) == message(b"handled")
    assert waiting.groups == []


async def test_of_a_call_that_was_reset_nothing_is_written(waiting: Waiting) -> None:
    for stream, record_id in ((1, "a"), (3, "b"), (5, "c")):
        await waiting.ask(stream, record_id)
    for stream in (1, 3):
        await waiting.server.answer(reset(stream))
    assert waiting.overload.running == 1
    # Their memory may be another call's by now.
    await waiting.ask(7, "d")
    answer = await waiting.settle()
    assert waiting.groups == [["a"], ["c", "d"]]
    assert answer == []
    answer = await waiting.settle()
    assert [body_of(answer, stream) for stream in (5, 7)] == [message(b"c {}"), message(b"d {}")]
    assert waiting.handled == []


async def test_of_a_call_that_closes_while_bytes_are_sent_nothing_is_kept() -> None:
    waiting = Waiting(unsent_bytes=1)
    await waiting.ask(1, "a")
    # A window beyond the largest: the stream is reset, of which its call is told in the next turn.
    waiting.server.receive(window_update(1, (1 << 31) - 1))
    assert [each.code for each in of_kind(waiting.server.take(), RST_STREAM, 1)] == [
        FLOW_CONTROL_ERROR
    ]
    waiting.results[-1].set_result(True)
    await turns()
    assert (waiting.overload.running, waiting.server.dispatcher.running) == (0, 0)
    assert waiting.handled == []
    await waiting.ask(3, "b")
    assert body_of(await waiting.settle(), 3) == message(b"b {}")
    waiting.server.close()


async def test_it_is_too_late_after_the_deadline(waiting: Waiting) -> None:
    await waiting.ask(1, "a")
    answer = await waiting.server.answer(
        call(3, CREATE.encode(), body("b"), (b"grpc-timeout", b"1m"))
    )
    async with asyncio.timeout(30):
        while status_of(answer, 3) is None:
            await asyncio.sleep(0.001)
            answer += waiting.server.take()
    assert status_of(answer, 3) == "4"
    assert body_of(await waiting.settle()) == message(b"a {}")
    assert waiting.groups == [["a"]]


async def test_nobody_waits_on_a_connection_that_is_lost(waiting: Waiting) -> None:
    await waiting.ask(1, "a")
    waiting.server.connection.close()
    await turns()
    assert waiting.overload.running == 0
    waiting.results[-1].set_result(True)


@pytest.mark.parametrize(("places", "max_calls", "status"), [(1, None, "14"), (10, 1, "8")])
async def test_where_there_is_no_place_nothing_is_done(
    places: int, max_calls: int | None, status: str
) -> None:
    waiting = Waiting(places, max_calls)
    await waiting.ask(1, "a")
    request = call(3, CREATE.encode(), body("b"))
    assert status_of(await waiting.server.answer(request), 3) == status
    await waiting.settle()
    assert waiting.overload.running == 0
    await waiting.ask(5, "c")
    assert waiting.groups == [["a"], ["c"]]
    await waiting.settle()
    waiting.server.close()


def begun_at_once(loop: asyncio.AbstractEventLoop, coroutine: Any, **_: Any) -> Any:
    """What a factory of eager tasks does up to where a coroutine waits for the first time."""
    done = loop.create_future()
    try:
        coroutine.send(None)
    except StopIteration as ended:
        done.set_result(ended.value)
    return done


async def test_it_is_carried_out_however_tasks_begin(waiting: Waiting) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(begun_at_once)
    waiting.server.receive(call(1, CREATE.encode(), body("a")))
    loop.set_task_factory(None)
    await turns()
    assert waiting.groups == [["a"]]
    assert body_of(await waiting.settle()) == message(b"a {}")
