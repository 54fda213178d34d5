"""Creations that come at the same time share a transaction, and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from blrcs.application.ports.records import PlannedWrite
from blrcs.application.records import gathered_creations
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.repositories.record_creations import RecordCreations
from blrcs.domain.collection import Collection
from blrcs.domain.deadline import call_deadline_ns
from blrcs.domain.errors import AlreadyExistsError, ResourceExhaustedError
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey


def collection(collection_id: str = "orders") -> Collection:
    return Collection(key=CollectionKey("acme", collection_id), create_time_ns=1, update_time_ns=1)


ORDERS = collection()


class Writes:
    """Notes what is written together; where it is told to, it waits or fails."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.times_ns: list[int] = []
        self.begun = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self.broken: set[str] = set()

    async def __call__(
        self, collection: Collection, writes: Sequence[PlannedWrite], now_ns: int
    ) -> Sequence[Record | None]:
        del collection
        ids = [write.record_id for write in writes]
        self.groups.append(ids)
        self.times_ns.append(now_ns)
        self.begun.set()
        await self.free.wait()
        for record_id in ids:
            if record_id in self.broken:
                raise AlreadyExistsError(record_id)
        return [write.created for write in writes]


def add(
    creations: RecordCreations, record_id: str, of: Collection = ORDERS, **also: Any
) -> asyncio.Task[Record | None]:
    record = Record(
        key=of.key.record(record_id),
        data={},
        encoded=also.get("encoded", b""),
        create_time_ns=1,
        update_time_ns=1,
    )
    write = PlannedWrite(record_id, lambda _: record, record)
    return asyncio.create_task(creations.add(of, write, record, also.get("now_ns", 1)))


@pytest.fixture
async def writes() -> Writes:
    return Writes()


@pytest.fixture
async def creations(writes: Writes) -> RecordCreations:
    return RecordCreations(writes)


async def test_those_of_one_moment_go_together(creations: RecordCreations, writes: Writes) -> None:
    tasks = [add(creations, record_id, now_ns=number) for number, record_id in enumerate("abc")]
    records = await asyncio.gather(*tasks)
    assert [record.key.record for record in records if record] == ["a", "b", "c"]
    assert writes.groups == [["a", "b", "c"]]
    assert writes.times_ns == [2]


async def test_those_that_come_meanwhile_are_next(
    creations: RecordCreations, writes: Writes
) -> None:
    writes.free.clear()
    first = add(creations, "a")
    await writes.begun.wait()
    others = [add(creations, record_id) for record_id in "bcd"]
    await asyncio.sleep(0)
    assert writes.groups == [["a"]]
    writes.free.set()
    await asyncio.gather(first, *others)
    assert writes.groups == [["a"], ["b", "c", "d"]]
    assert await add(creations, "e")
    assert writes.groups[2:] == [["e"]]


async def test_one_that_fails_fails_alone(creations: RecordCreations, writes: Writes) -> None:
    writes.broken = {"b"}
    tasks = [add(creations, record_id) for record_id in "abc"]
    one, two, three = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(one, Record)
    assert isinstance(two, AlreadyExistsError)
    assert isinstance(three, Record)
    assert writes.groups == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_a_failure_of_one_alone_is_not_tried_again(
    creations: RecordCreations, writes: Writes
) -> None:
    writes.broken = {"a"}
    with pytest.raises(AlreadyExistsError):
        await add(creations, "a")
    assert writes.groups == [["a"]]


async def test_equal_ids_do_not_go_together(creations: RecordCreations, writes: Writes) -> None:
    await asyncio.gather(*[add(creations, record_id) for record_id in ("a", "b", "a", "c")])
    assert writes.groups == [["a", "b"], ["a", "c"]]


async def test_other_collections_and_other_revisions_go_by_themselves(
    creations: RecordCreations, writes: Writes
) -> None:
    others = collection("others")
    changed = collection()
    tasks = [add(creations, "a"), add(creations, "b", others), add(creations, "c", changed)]
    await asyncio.gather(*tasks)
    assert sorted(writes.groups) == [["a"], ["b"], ["c"]]


async def test_groups_are_bounded(creations: RecordCreations, writes: Writes) -> None:
    count = gathered_creations.MAX_TOGETHER + 1
    await asyncio.gather(*[add(creations, str(number)) for number in range(count)])
    assert list(map(len, writes.groups)) == [count - 1, 1]
    large = b"x" * (gathered_creations.MAX_BYTES_TOGETHER // 2)
    await asyncio.gather(*[add(creations, record_id, encoded=large) for record_id in "fgh"])
    assert writes.groups[2:] == [["f", "g"], ["h"]]
    larger = b"x" * (2 * gathered_creations.MAX_BYTES_TOGETHER)
    await asyncio.gather(*[add(creations, record_id, encoded=larger) for record_id in "ij"])
    assert writes.groups[4:] == [["i"], ["j"]]


async def test_what_waits_is_bounded(
    creations: RecordCreations, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered_creations, "MAX_WAITING", 2)
    writes.free.clear()
    tasks = [add(creations, record_id) for record_id in "ab"]
    with pytest.raises(ResourceExhaustedError):
        await add(creations, "c")
    writes.free.set()
    await asyncio.gather(*tasks)


async def test_who_leaves_before_its_turn_is_not_written(
    creations: RecordCreations, writes: Writes
) -> None:
    writes.free.clear()
    first = add(creations, "a")
    await writes.begun.wait()
    left, stays = add(creations, "b"), add(creations, "c")
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.sleep(0)
    writes.free.set()
    await asyncio.gather(first, stays)
    assert writes.groups == [["a"], ["c"]]
    assert left.cancelled()


async def test_who_leaves_during_it_takes_nobody_along(
    creations: RecordCreations, writes: Writes
) -> None:
    writes.free.clear()
    left, stays = add(creations, "a"), add(creations, "b")
    await writes.begun.wait()
    left.cancel()
    await asyncio.sleep(0)
    writes.free.set()
    assert await stays
    assert left.cancelled()


async def test_whoever_waits_is_let_go_when_all_ends() -> None:
    async def write(*_: object) -> Sequence[Record | None]:
        raise asyncio.CancelledError

    creations = RecordCreations(write)
    for each in await asyncio.gather(
        add(creations, "a"), add(creations, "b"), add(creations, "a"), return_exceptions=True
    ):
        assert isinstance(each, asyncio.CancelledError)


async def test_what_is_known_of_one_call_is_not_known_of_all(writes: Writes) -> None:
    known: list[int | None] = []

    async def write(of: Collection, some: Sequence[PlannedWrite], now_ns: int) -> Any:
        known.append(call_deadline_ns.get())
        return await writes(of, some, now_ns)

    creations = RecordCreations(write)
    token = call_deadline_ns.set(1)
    try:
        await asyncio.gather(*[add(creations, record_id) for record_id in "ab"])
    finally:
        call_deadline_ns.reset(token)
    assert known == [None]


async def test_a_refusal_by_the_database_is_each_ones_own(writes: Writes) -> None:
    async def write(of: Collection, some: Sequence[PlannedWrite], now_ns: int) -> Any:
        if len(some) > 1:
            raise IntegrityViolationError("records")
        return await writes(of, some, now_ns)

    creations = RecordCreations(write)
    await asyncio.gather(*[add(creations, record_id) for record_id in "ab"])
    assert writes.groups == [["a"], ["b"]]
