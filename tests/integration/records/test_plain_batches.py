"""Batches that do nothing but create records leave what creations leave, on each database."""

import asyncio
import dataclasses

import pytest

from blrcs.v1 import record_pb2
from tests.integration.records.test_watching import CREATED, EXPIRED, Watch, told
from tests.integration.records.world import (
    ORDERS,
    SECOND_NS,
    TENANT,
    World,
    creation,
    data_of,
    name_of,
    seconds,
)
from tests.unit.api.refusals import refusal

DATA = {"city": "Zürich", "lines": [{"count": 2.0, "sku": "x\n"}], "open": True, "note": None}


class Noted:
    """The plain road, and what it has answered."""

    def __init__(self, create):
        self.answered = []
        self.suits, self.learn = create.suits, create.learn
        self._create = create

    async def __call__(self, *given):
        self.answered.append(await self._create(*given))
        return self.answered[-1]


@pytest.fixture(autouse=True)
def plain(world, monkeypatch):
    """What the plain road of the world's service has answered to batches."""
    service = world.records.service
    noted = Noted(service._records.create_plain_records)
    monkeypatch.setattr(
        service, "_records", dataclasses.replace(service._records, create_plain_records=noted)
    )
    return noted.answered


def writes(*creations):
    return [record_pb2.RecordWrite(create=each) for each in creations]


async def test_records_are_those_that_creations_make(world, plain):
    single = await world.create("a", DATA)
    results = await world.batch(*writes(creation("b", DATA), creation("", DATA), creation("d")))

    made_up = results[1].record.name.rpartition("/")[2]
    assert len(plain[0]) == 3
    assert [each.record.name for each in results] == [name_of(i) for i in ("b", made_up, "d")]
    for result in results:
        record = result.record
        assert record == await world.get(record.name.rpartition("/")[2])
        assert record.create_time == record.update_time == results[0].record.create_time
        assert record.etag == f"{record.create_time.ToNanoseconds():x}-1"
        assert not record.HasField("expire_time")
    assert [data_of(each.record) for each in results] == [DATA, DATA, {}]
    assert results[0].record.data == single.data
    assert await world.listed(filter='data.city = "Zürich"') == sorted(["a", "b", made_up])


async def test_names_alone_are_returned_where_no_more_is_asked_for(world, plain):
    results = await world.batch(
        *writes(creation("a", DATA), creation("", DATA), creation("c", DATA)), paths=["name"]
    )

    ids = [each.record.name.rpartition("/")[2] for each in results]
    assert len(plain[0]) == 3
    assert ids == ["a", ids[1], "c"]
    assert [each.record for each in results] == [record_pb2.Record(name=name_of(i)) for i in ids]
    assert data_of(await world.get(ids[1])) == DATA


@pytest.mark.parametrize("paths", [["data.city", "etag"], ["*"]])
async def test_another_mask_shows_what_it_names(world, plain, paths):
    given = writes(creation("a", DATA), creation("b", DATA))
    results = await world.batch(*given, paths=paths)

    assert plain == []
    assert [each.record for each in results] == [await world.get(each, *paths) for each in "ab"]


async def test_batches_of_one_moment_are_each_by_themselves(world, plain):
    """One of them finds a record there, which keeps none of the others out."""
    await world.create("c")
    given = [writes(creation(f"{each}1"), creation(f"{each}2")) for each in "abd"]
    given.insert(1, writes(creation("x"), creation("c")))
    done = await asyncio.gather(*[world.batch(*each) for each in given], return_exceptions=True)

    assert [type(each).__name__ == "AioRpcError" for each in done] == [False, True, False, False]
    assert sorted(each is None for each in plain) == [False, False, False, True]
    assert await world.listed() == ["a1", "a2", "b1", "b2", "c", "d1", "d2"]
    watch = await Watch.begin(world)
    assert watch.started.sequence == 7
    await watch.end()


async def test_they_can_be_changed_by_their_etags(world, plain):
    first, second = await world.batch(*writes(creation("a", DATA), creation("b", DATA)))
    changed = await world.update("a", {"x": 1}, etag=first.record.etag)

    assert plain[0] is not None
    assert changed.create_time == first.record.create_time
    assert (await refusal(world.update("b", {}, etag=first.record.etag + "0")))[0] == "ABORTED"
    await world.delete("b", etag=second.record.etag)


async def test_each_is_told_of_in_its_order(world, plain):
    await world.create("before")
    watch = await Watch.begin(world)
    results = await world.batch(*writes(creation("b", DATA), creation("a", DATA)))
    await world.create("after")

    events = await watch.take(3)
    assert plain[0] is not None
    assert told(events) == [(CREATED, "b"), (CREATED, "a"), (CREATED, "after")]
    assert [each.sequence for each in events] == [2, 3, 4]
    assert [each.record for each in events[:2]] == [each.record for each in results]
    assert events[0].event_time == results[0].record.create_time
    await watch.end()


async def test_they_expire_when_the_collection_says(world, clock, plain):
    parent = (await world.collection("short", default_ttl=seconds(60))).name
    given = [creation("a", DATA, parent), creation("b", DATA, parent)]
    first, _ = await world.batch(*writes(*given), parent=parent)

    lived_ns = first.record.expire_time.ToNanoseconds() - first.record.create_time.ToNanoseconds()
    assert plain[0] is not None
    assert lived_ns == 60 * SECOND_NS
    watch = await Watch.begin(world, parent=parent)
    clock.now_ns += 61 * SECOND_NS
    # What is gone, but still stored, is in nobody's way.
    assert len(await world.batch(*writes(*given), parent=parent)) == 2
    assert plain[1] is None
    assert told(await watch.take(4)) == [
        (EXPIRED, "a"),
        (CREATED, "a"),
        (EXPIRED, "b"),
        (CREATED, "b"),
    ]
    await watch.end()


async def test_where_one_is_there_nothing_is_written(world, plain):
    await world.create("c")
    refused = await refusal(
        world.batch(*writes(creation("a"), creation("b"), creation("c"), creation("d")))
    )

    assert plain == [None]
    assert refused[0] == "ALREADY_EXISTS"
    assert await world.listed() == ["c"]
    assert (await Watch.begin(world)).started.sequence == 1


@pytest.mark.parametrize(
    "given",
    [
        [creation("a"), creation("a")],
        [creation("a"), creation("b", {"x": "y" * (1 << 20)})],
        [creation(str(number), {"x": "y" * (1 << 19)}) for number in range(8)],
    ],
    ids=["one record twice", "one too large", "too large together"],
)
async def test_what_is_wrong_is_told_as_it_is_of_any_batch(world, plain, given):
    assert (await refusal(world.batch(*writes(*given))))[0] == "INVALID_ARGUMENT"
    assert plain == [None]
    assert await world.listed() == []


async def test_a_collection_that_is_not_there_is_not_found(world):
    parent = f"{TENANT}/collections/none"
    given = writes(creation("a", {}, parent), creation("b", {}, parent))
    assert (await refusal(world.batch(*given, parent=parent)))[0] == "NOT_FOUND"


@pytest.mark.parametrize(
    "asked",
    [
        {"json_schema": '{"required": ["city"]}'},
        {"indexes": [record_pb2.RecordIndex(path="city")]},
        {"encrypted_fields": ["city"]},
        {"secret_fields": ["city"]},
    ],
    ids=lambda asked: next(iter(asked)),
)
async def test_a_collection_that_asks_for_more_has_each_looked_at(world, plain, asked):
    parent = (await world.collection("more", **asked)).name
    results = await world.batch(
        *writes(creation("a", DATA, parent), creation("b", DATA, parent)), parent=parent
    )

    assert plain == []
    assert len(results) == 2


async def test_a_collection_that_has_changed_judges_what_comes(world, store, clock, plain):
    await world.batch(*writes(creation("a"), creation("b")))
    async with World.open(store, clock) as other:
        request = record_pb2.UpdateCollectionRequest(
            collection=record_pb2.Collection(name=ORDERS, json_schema='{"required": ["city"]}')
        )
        await other.stub.UpdateCollection(request)

        refused = await refusal(world.batch(*writes(creation("c", DATA), creation("d"))))

    assert [each is None for each in plain] == [False, True]
    assert refused[0] == "INVALID_ARGUMENT"
    assert await world.listed() == ["a", "b"]
