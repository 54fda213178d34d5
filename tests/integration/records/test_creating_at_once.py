"""Records that are created at the same time."""

import asyncio

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from blrcs.v1 import record_pb2
from tests.integration.records.world import (
    ORDERS,
    SECOND_NS,
    changing,
    creation,
    data_of,
    seconds,
)

RefusedError = grpc.aio.AioRpcError


async def watching(world):
    """The events of a watch that has begun."""
    events = aiter(world.watch())
    await anext(events)
    return events


async def told(events, count):
    """Numbers and ids of the next changes."""
    found = [await anext(events) for _ in range(count)]
    await events.aclose()
    assert {each.type for each in found} == {record_pb2.RECORD_EVENT_TYPE_CREATED}
    return [(each.sequence, each.name.rpartition("/")[2]) for each in found]


async def test_all_are_there_and_told_once_each(world):
    watch = await watching(world)
    ids = [f"r{number}" for number in range(40)]
    created = await asyncio.gather(
        *[world.create(each, {"n": number}) for number, each in enumerate(ids)]
    )
    assert [each.name for each in created] == [f"{ORDERS}/records/{each}" for each in ids]
    assert [data_of(await world.get(each)) for each in ids] == [{"n": n} for n in range(40)]
    events = await told(watch, 40)
    assert [sequence for sequence, _ in events] == list(range(1, 41))
    assert sorted(name for _, name in events) == sorted(ids)


async def test_of_those_with_one_id_the_first_is_created(world):
    await world.create("taken", {"n": -1})
    watch = await watching(world)
    ids = [f"r{number % 10}" for number in range(40)] + ["taken"]
    outcomes = await asyncio.gather(
        *[world.create(each, {"n": number}) for number, each in enumerate(ids)],
        return_exceptions=True,
    )
    refused = [each for each in outcomes if isinstance(each, RefusedError)]
    assert len(refused) == 31
    assert {each.code() for each in refused} == {grpc.StatusCode.ALREADY_EXISTS}
    for record in outcomes:
        if not isinstance(record, RefusedError):
            assert data_of(await world.get(record.name.rpartition("/")[2])) == data_of(record)
    assert data_of(await world.get("taken")) == {"n": -1}
    events = await told(watch, 10)
    assert sorted(name for _, name in events) == sorted(set(ids) - {"taken"})
    assert [sequence for sequence, _ in events] == list(range(2, 12))


async def test_one_that_has_expired_is_no_hindrance(world, clock):
    await world.create("old", {"n": 0}, ttl=seconds(1))
    clock.advance(5 * SECOND_NS)
    created = await asyncio.gather(*[world.create(each, {"n": 1}) for each in ("a", "old", "b")])
    assert [data_of(each) for each in created] == [{"n": 1}] * 3
    assert data_of(await world.get("old")) == {"n": 1}


async def test_a_new_schema_holds_for_those_that_are_under_way(world):
    changing = record_pb2.UpdateCollectionRequest(
        collection=record_pb2.Collection(name=ORDERS, json_schema='{"required": ["m"]}'),
        update_mask=FieldMask(paths=["json_schema"]),
    )
    await world.create("first", {"n": 1})
    changed, *outcomes = await asyncio.gather(
        world.stub.UpdateCollection(changing),
        *[world.create(f"r{number}", {"n": number}) for number in range(20)],
        return_exceptions=True,
    )
    assert not isinstance(changed, Exception)
    refused = [each for each in outcomes if isinstance(each, RefusedError)]
    assert {each.code() for each in refused} <= {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.ABORTED,
    }
    assert len(await world.listed()) == 1 + len(outcomes) - len(refused)
    with pytest.raises(RefusedError, match="required"):
        await world.create("last", {"n": 1})


def creations(ids):
    return [record_pb2.RecordWrite(create=creation(each, {"id": each})) for each in ids]


async def test_a_batch_that_meets_a_record_creates_none(world):
    await world.create("r13", {"n": 1})
    with pytest.raises(RefusedError) as caught:
        await world.batch(*creations(f"r{number}" for number in range(20)))
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert "writes[13]" in caught.value.details()
    assert await world.listed() == ["r13"]


async def test_a_batch_takes_the_place_of_what_has_expired(world, clock):
    await world.create("r13", {"n": 1}, ttl=seconds(1))
    clock.advance(5 * SECOND_NS)
    ids = [f"r{number}" for number in range(20)]
    results = await world.batch(*creations(ids))
    assert [data_of(each.record) for each in results] == [{"id": each} for each in ids]
    assert data_of(await world.get("r13")) == {"id": "r13"}


async def test_a_large_batch_changes_what_a_large_one_has_created(world):
    events = await watching(world)
    ids = [f"r{number:03}" for number in range(300)]
    await world.batch(*creations(ids))
    await told(events, 300)
    changes = [record_pb2.RecordWrite(update=changing(each, {"new": each})) for each in ids]
    results = await world.batch(*changes)
    assert [data_of(each.record) for each in results] == [{"new": each} for each in ids]
    assert await world.listed(page_size=1000) == ids
    assert [data_of(await world.get(each)) for each in ids[::50]] == [
        {"new": each} for each in ids[::50]
    ]


async def test_values_of_every_kind_are_stored_by_batches_as_by_single_writes(world):
    data = {
        "text": '\u00e9\U0001f600"\\\n\x01\x7f',
        "numbers": [0, -1, 1.5, 1e300, 5e-324, 2**53, -(2**53)],
        "flags": [True, False, None],
        "none": {},
        "empty": [],
        "": {"": ""},
    }
    ids = [f"r{number}" for number in range(10)]
    await world.batch(*[record_pb2.RecordWrite(create=creation(each, data)) for each in ids])
    single = await world.create("single", data)
    assert data_of(single) == data
    assert {repr(data_of(await world.get(each))) for each in ids} == {repr(data_of(single))}
    for asked in ("data.text:*", "data.numbers:1.5", "data.flags:true"):
        assert len(await world.listed(filter=asked)) == 11
