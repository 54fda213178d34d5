"""Batches that come at the same time share a transaction, and nothing else."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from blrcs.application.ports.records import PlainRecords
from blrcs.database.repositories.record_batches import (
    MOST_BYTES_TOGETHER,
    MOST_TOGETHER,
    RecordBatches,
)
from blrcs.domain.collection import Collection
from blrcs.domain.errors import UnavailableError
from blrcs.domain.record_name import CollectionKey

ORDERS = Collection(key=CollectionKey("acme", "orders"), create_time_ns=1, update_time_ns=1)


class Writes:
    """Notes what is written together; where it is told to, it waits, refuses or fails."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.begun = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self.there: set[str] = set()
        self.error: Exception | None = None

    async def __call__(self, collection: Collection, batches: Sequence[PlainRecords]) -> bool:
        assert collection.key == ORDERS.key
        ids = ["".join(each.ids) for each in batches]
        self.groups.append(ids)
        self.begun.set()
        await self.free.wait()
        if self.error is not None:
            raise self.error
        return self.there.isdisjoint("".join(ids))


@pytest.fixture
async def writes() -> Writes:
    return Writes()


@pytest.fixture
async def batches(writes: Writes) -> RecordBatches:
    return RecordBatches(writes)


def add(batches: RecordBatches, ids: str, image: bytes = b"") -> asyncio.Task[bool]:
    created = PlainRecords(list(ids), ["{}"] * len(ids), [image] * len(ids), 1, None)
    return asyncio.create_task(batches.add(ORDERS, created))


async def begin(batches: RecordBatches, writes: Writes) -> asyncio.Task[bool]:
    """A batch that is being written until ``free`` is set."""
    writes.free.clear()
    first = add(batches, "a")
    await writes.begun.wait()
    return first


async def test_those_that_come_meanwhile_go_together(
    batches: RecordBatches, writes: Writes
) -> None:
    first = await begin(batches, writes)
    others = [add(batches, ids) for ids in ("bc", "d")]
    await asyncio.sleep(0)
    assert writes.groups == [["a"]]
    writes.free.set()
    assert await asyncio.gather(first, *others) == [True, True, True]
    assert writes.groups == [["a"], ["bc", "d"]]


async def test_a_record_that_is_there_keeps_no_other_batch_out(
    batches: RecordBatches, writes: Writes
) -> None:
    writes.there = {"c"}
    tasks = [add(batches, ids) for ids in ("a", "bc", "d")]
    assert await asyncio.gather(*tasks) == [True, False, True]
    assert writes.groups == [["a", "bc", "d"], ["a"], ["bc"], ["d"]]
    assert not await add(batches, "c")
    assert writes.groups[4:] == [["c"]]


async def test_what_may_have_been_written_is_not_written_again(
    batches: RecordBatches, writes: Writes
) -> None:
    writes.error = UnavailableError("GONE", "the database is gone")
    tasks = [add(batches, ids) for ids in "ab"]
    assert await asyncio.gather(*tasks, return_exceptions=True) == [writes.error] * 2
    assert writes.groups == [["a", "b"]]
    writes.error = None
    assert await add(batches, "a")


async def test_groups_are_bounded(batches: RecordBatches, writes: Writes) -> None:
    await asyncio.gather(*[add(batches, "x") for _ in range(MOST_TOGETHER + 1)])
    assert list(map(len, writes.groups)) == [MOST_TOGETHER, 1]
    half = bytes(MOST_BYTES_TOGETHER // 2)
    await asyncio.gather(*[add(batches, ids, half) for ids in "abc"])
    assert writes.groups[2:] == [["a", "b"], ["c"]]


async def test_who_leaves_takes_nobody_along(batches: RecordBatches, writes: Writes) -> None:
    first = await begin(batches, writes)
    left, stays = add(batches, "b"), add(batches, "c")
    await asyncio.sleep(0)
    left.cancel()
    first.cancel()
    await asyncio.sleep(0)
    writes.free.set()
    assert await stays
    assert writes.groups == [["a"], ["c"]]
    assert left.cancelled()
    assert first.cancelled()


async def test_who_has_left_is_not_tried_alone(batches: RecordBatches, writes: Writes) -> None:
    first = await begin(batches, writes)
    left, stays = add(batches, "b"), add(batches, "c")

    class There(set[str]):
        def isdisjoint(self, other: Iterable[object]) -> bool:
            if "b" in other:
                left.cancel()
            return super().isdisjoint(other)

    await asyncio.sleep(0)
    writes.there = There("c")
    first.cancel()
    writes.free.set()
    assert not await stays
    assert writes.groups == [["a"], ["b", "c"], ["c"]]


async def test_what_nobody_waits_for_any_more_holds_up_nobody(
    batches: RecordBatches, writes: Writes
) -> None:
    first = await begin(batches, writes)
    together = [add(batches, ids) for ids in "bcd"]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0.01)
    assert writes.groups == [["a"], ["b", "c", "d"]]
    later = add(batches, "e")
    for each in together:
        assert len(writes.groups) == 2
        each.cancel()
        await asyncio.sleep(0.01)
    assert writes.groups[2:] == [["e"]]
    writes.free.set()
    assert await later
