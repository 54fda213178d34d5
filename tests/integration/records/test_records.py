"""Records, one by one and in batches, on each database."""

import asyncio

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import AioRpcError

from blrcs.database.repositories import record as repository
from blrcs.domain.field_path import MAX_PATHS
from blrcs.v1 import record_pb2
from tests.integration.records.world import (
    ORDERS,
    SECOND_NS,
    TENANT,
    changing,
    creation,
    data_of,
    name_of,
    seconds,
)
from tests.unit.api.refusals import refusal

DATA = {
    "city": "Köln",
    "total": 12.5,
    "count": 3,
    "paid": False,
    "note": None,
    "lines": [{"sku": "a", "n": 1}, ["x", 2.0]],
    "address": {"street": "Ring 1", "zip": "50667"},
}
RecordWrite = record_pb2.RecordWrite


async def test_a_record_is_read_as_it_was_created(world):
    made = await world.create("a", DATA)
    assert made.name == name_of("a")
    assert made.etag
    assert made.create_time == made.update_time
    assert not made.HasField("expire_time")
    assert data_of(made) == DATA
    assert await world.get("a") == made


async def test_a_record_without_an_id_gets_one(world):
    one, other = await world.create("", {"a": 1}), await world.create("", {"a": 1})
    assert one.name != other.name
    assert await world.get(one.name.rpartition("/")[2]) == one


async def test_an_id_is_taken_once(world):
    await world.create("a")
    assert await refusal(world.create("a")) == ("ALREADY_EXISTS", "RESOURCE_EXISTS")
    assert await refusal(world.get("b")) == ("NOT_FOUND", "RESOURCE_NOT_FOUND")
    assert await refusal(world.get("A")) == ("NOT_FOUND", "RESOURCE_NOT_FOUND")


async def test_records_need_their_collection(world):
    elsewhere = creation("a", parent=f"{TENANT}/collections/none")
    refused = await refusal(world.stub.CreateRecord(elsewhere))
    assert refused == ("NOT_FOUND", "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    "name",
    [
        f"{TENANT}/records/a",
        f"{ORDERS}/records",
        f"{ORDERS}/records/-a",
        f"{ORDERS}/records/a/b",
        f"{ORDERS}/x/a",
    ],
)
async def test_other_names_are_refused(world, name):
    call = world.stub.GetRecord(record_pb2.GetRecordRequest(name=name))
    assert (await refusal(call))[0] == "INVALID_ARGUMENT"


async def test_an_update_replaces_the_data(world):
    made = await world.create("a", DATA)
    changed = await world.update("a", {"city": "Bonn"})
    assert data_of(changed) == {"city": "Bonn"}
    assert changed.etag != made.etag
    assert changed.create_time == made.create_time
    assert changed.update_time != made.update_time
    assert await world.get("a") == changed


async def test_an_update_changes_what_its_mask_names_and_nothing_else(world):
    await world.create("a", DATA)
    changed = await world.update(
        "a",
        {"city": "Bonn", "address": {"street": "Weg 2"}, "new": {"deep": [1]}, "ignored": 1},
        ["data.address.street", "data.new.deep", "data.note", "data.address.zip"],
    )
    expected = DATA | {"address": {"street": "Weg 2"}, "new": {"deep": [1.0]}}
    del expected["note"]
    assert data_of(changed) == expected
    assert await world.get("a") == changed


async def test_names_with_dots_are_quoted_in_masks(world):
    await world.create("a", {"labels": {"a.b": "old", "c": 1}})
    changed = await world.update("a", {"labels": {"a.b": "new"}}, ["data.labels.`a.b`"])
    assert data_of(changed) == {"labels": {"a.b": "new", "c": 1}}


@pytest.mark.parametrize("mask", [["name"], ["etag"], ["create_time"], ["data."], ["data..a"]])
async def test_a_mask_names_only_what_can_be_changed(world, mask):
    await world.create("a")
    refused = await refusal(world.update("a", {}, mask))
    assert refused == ("INVALID_ARGUMENT", "FIELD_INVALID")


async def test_a_batch_whose_reply_would_be_too_large_changes_nothing(world):
    ids = [f"r{number}" for number in range(5)]
    for record_id in ids:
        await world.create(record_id, {"text": "x" * (900 << 10)})
    writes = [
        record_pb2.RecordWrite(update=changing(record_id, {"n": 1}, ["data.n"]))
        for record_id in ids
    ]
    refused = await refusal(world.batch(*writes))
    assert refused == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")
    assert data_of(await world.get("r0", "data.n")) == {}
    assert len(await world.batch(*writes[:3])) == 3
    deletions = [
        record_pb2.RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of(record_id)))
        for record_id in ids
    ]
    await world.batch(*deletions)
    assert await world.listed() == []


async def test_a_mask_has_so_many_paths_at_most(world):
    await world.create("a", {})
    paths = [f"data.k{number}" for number in range(MAX_PATHS)]
    await world.update("a", {}, paths)
    assert (await refusal(world.update("a", {}, [*paths, "data.one"])))[0] == "INVALID_ARGUMENT"


async def test_a_mask_does_not_name_a_part_twice(world):
    await world.create("a", DATA)
    for mask in (["data", "data.city"], ["data.address", "data.address.zip"]):
        assert (await refusal(world.update("a", DATA, mask)))[0] == "INVALID_ARGUMENT"


async def test_what_is_no_object_is_in_the_way_of_a_path(world):
    await world.create("a", {"city": "Bonn"})
    refused = await refusal(world.update("a", {"city": {"x": 1}}, ["data.city.x"]))
    assert refused == ("FAILED_PRECONDITION", "PATH_BLOCKED")
    assert data_of(await world.get("a")) == {"city": "Bonn"}


async def test_of_two_changes_of_one_etag_one_wins(world):
    made = await world.create("a", {"n": 0})
    changes = [world.update("a", {"n": n}, etag=made.etag) for n in range(1, 4)]
    ended = await asyncio.gather(*changes, return_exceptions=True)
    won = [each for each in ended if not isinstance(each, BaseException)]
    assert len(won) == 1
    lost = [each for each in ended if isinstance(each, AioRpcError)]
    assert {each.code().name for each in lost} == {"ABORTED"}
    assert await world.get("a") == won[0]
    assert await refusal(world.delete("a", etag=made.etag)) == ("ABORTED", "ETAG_MISMATCH")
    await world.delete("a", etag=won[0].etag)
    assert await refusal(world.get("a")) == ("NOT_FOUND", "RESOURCE_NOT_FOUND")


async def test_what_is_missing_may_be_where_that_is_said(world):
    assert (await refusal(world.update("a", {"n": 1})))[0] == "NOT_FOUND"
    assert (await refusal(world.delete("a")))[0] == "NOT_FOUND"
    await world.delete("a", allow_missing=True)
    made = await world.update("a", {"n": 1}, allow_missing=True)
    assert await world.get("a") == made


async def test_a_namesake_has_another_etag(world):
    first = await world.create("a", DATA)
    await world.delete("a")
    second = await world.create("a", DATA)
    assert first.etag != second.etag
    assert await refusal(world.update("a", {}, etag=first.etag)) == ("ABORTED", "ETAG_MISMATCH")


async def test_a_record_is_gone_at_the_moment_of_its_expiry(world, clock):
    made = await world.create("a", {"n": 1}, ttl=seconds(10))
    assert made.HasField("expire_time")
    assert made.WhichOneof("expiration") == "expire_time"
    clock.advance(9 * SECOND_NS)
    assert await world.get("a") == made
    clock.advance(SECOND_NS)
    assert (await refusal(world.get("a")))[0] == "NOT_FOUND"
    assert (await refusal(world.update("a", {})))[0] == "NOT_FOUND"
    assert (await refusal(world.delete("a")))[0] == "NOT_FOUND"
    assert await world.listed() == []
    again = await world.create("a", {"n": 2})
    assert data_of(await world.get("a")) == {"n": 2}
    assert again.etag != made.etag


async def test_an_expiry_stays_until_something_is_said_of_it(world, clock):
    made = await world.create("a", {"n": 1}, ttl=seconds(10))
    assert (await world.update("a", {"n": 2})).expire_time == made.expire_time
    assert (await world.update("a", {"n": 3}, ["data.n"])).expire_time == made.expire_time
    at = Timestamp(seconds=made.expire_time.seconds + 5)
    assert (await world.update("a", expire_time=at, mask=["expire_time"])).expire_time == at
    kept = await world.update("a", mask=["expire_time"])
    assert not kept.HasField("expire_time")
    assert data_of(kept) == {"n": 3}
    clock.advance(3600 * SECOND_NS)
    assert await world.get("a") == kept


async def test_a_collection_has_a_time_to_live_for_records_without(world, clock):
    await world.collection("carts", default_ttl=seconds(5))
    carts = f"{TENANT}/collections/carts"
    made = await world.create("a", parent=carts)
    longer = await world.create("b", parent=carts, ttl=seconds(50))
    assert longer.expire_time.seconds - made.expire_time.seconds == 45
    clock.advance(6 * SECOND_NS)
    call = world.stub.GetRecord(record_pb2.GetRecordRequest(name=made.name))
    assert (await refusal(call))[0] == "NOT_FOUND"


async def test_what_has_expired_is_purged(world, clock):
    for number in range(3):
        await world.create(f"r{number}", ttl=seconds(5))
    await world.create("kept")
    clock.advance(6 * SECOND_NS)
    await world.records.purge.expired()
    listed = world.stub.GetRecord(record_pb2.GetRecordRequest(name=name_of("kept")))
    assert (await listed).name == name_of("kept")
    assert await world.listed() == ["kept"]


async def test_data_that_json_has_not_are_refused(world):
    for value in (Value(number_value=float("nan")), Value(number_value=float("inf")), Value()):
        request = creation("a")
        request.record.data.fields["x"].CopyFrom(value)
        assert (await refusal(world.stub.CreateRecord(request)))[0] == "INVALID_ARGUMENT"
    assert (await refusal(world.create("a", {"x": "a\0b"})))[0] == "INVALID_ARGUMENT"
    missing = record_pb2.CreateRecordRequest(
        parent=ORDERS, record_id="a", record=record_pb2.Record()
    )
    assert (await refusal(world.stub.CreateRecord(missing)))[0] == "INVALID_ARGUMENT"


async def test_the_deepest_data_come_back_by_every_method(world):
    data = {"x": 1}
    for _ in range(29):
        data = {"x": data}
    (result,) = await world.batch(RecordWrite(create=creation("a", data)))
    assert data_of(result.record) == data
    assert data_of(await world.get("a")) == data
    refused = await refusal(world.update("a", {"x": data}))
    assert refused == ("INVALID_ARGUMENT", "DOCUMENT_INVALID")


async def test_data_have_a_largest_size(world):
    await world.create("a", {"x": "y" * 1_000_000})
    assert (await refusal(world.update("a", {"x": "y" * 1_100_000})))[0] == "INVALID_ARGUMENT"


async def test_unknown_fields_are_not_stored(world):
    request = creation("a", {"x": 1})
    smuggled = Struct.FromString(request.record.data.SerializeToString() + b"\xfa\x01\x07payload")
    request.record.data.CopyFrom(smuggled)
    assert b"payload" in request.SerializeToString()
    await world.stub.CreateRecord(request)
    assert b"payload" not in (await world.get("a")).SerializeToString()


async def test_a_read_mask_leaves_what_it_names(world):
    made = await world.create("a", DATA, ttl=seconds(5))
    masked = await world.get("a", "etag", "expire_time", "data.address.zip", "data.none.x")
    assert masked.name == made.name
    assert masked.etag == made.etag
    assert masked.expire_time == made.expire_time
    assert not masked.HasField("create_time")
    assert data_of(masked) == {"address": {"zip": "50667"}}
    assert await world.get("a", "*") == made
    whole = await world.get("a", "data", "data.city")
    assert data_of(whole) == DATA
    assert not whole.etag
    for path in ("nothing", "data.", "data.a..b", "ttl"):
        assert (await refusal(world.get("a", path)))[0] == "INVALID_ARGUMENT"


async def test_many_records_are_got_in_the_order_of_their_names(world):
    for each in "abcde":
        await world.create(each, {"id": each})
    ids = ["d", "a", "e", "a"]
    request = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=map(name_of, ids))
    found = (await world.stub.BatchGetRecords(request)).records
    assert [data_of(each)["id"] for each in found] == ids
    request.names.append(name_of("none"))
    assert (await refusal(world.stub.BatchGetRecords(request)))[0] == "NOT_FOUND"
    del request.names[:]
    request.names.extend(map(name_of, map(str, range(101))))
    assert (await refusal(world.stub.BatchGetRecords(request)))[0] == "INVALID_ARGUMENT"


async def test_many_large_records_are_refused_before_they_are_read(world, monkeypatch):
    large = {"text": "x" * (900 << 10)}
    ids = [f"r{number}" for number in range(12)]
    for record_id in ids:
        await world.create(record_id, large | {"n": 1})
    repository = world.records.service._records.batch_get_records._records
    get_many, read = repository.get_many, []

    async def counted(parent, record_ids, *, now_ns):
        images = await get_many(parent, record_ids, now_ns=now_ns)
        read.append(sum(image.size_bytes for image in images))
        return images

    monkeypatch.setattr(repository, "get_many", counted)
    request = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=map(name_of, ids))
    refused = await refusal(world.stub.BatchGetRecords(request))
    assert (refused, read) == (("RESOURCE_EXHAUSTED", "BATCH_TOO_LARGE"), [])
    # One that is asked for several times is in the reply as often.
    for names in (ids[:1] * 100, ids[:5]):
        request = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=map(name_of, names))
        assert (await refusal(world.stub.BatchGetRecords(request)))[1] == "BATCH_TOO_LARGE"
    request = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=map(name_of, ids))
    request.read_mask.paths.append("data.n")
    found = (await world.stub.BatchGetRecords(request)).records
    assert [data_of(each) for each in found] == [{"n": 1}] * 12
    assert max(read) < 5 << 20
    request.names.append(name_of("none"))
    assert (await refusal(world.stub.BatchGetRecords(request)))[0] == "NOT_FOUND"
    request.read_mask.paths[:] = ["data"]
    del request.names[-1]
    assert (await refusal(world.stub.BatchGetRecords(request)))[1] == "BATCH_TOO_LARGE"


async def test_a_batch_creates_updates_and_deletes(world):
    await world.create("gone")
    kept = await world.create("kept", {"n": 1})
    results = await world.batch(
        RecordWrite(create=creation("new", {"n": 2})),
        RecordWrite(update=changing("kept", {"n": 3}, etag=kept.etag)),
        RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("gone"))),
        RecordWrite(update=changing("made", {"n": 4}, allow_missing=True)),
        RecordWrite(create=creation("", {"n": 5})),
        RecordWrite(
            delete=record_pb2.DeleteRecordRequest(name=name_of("none"), allow_missing=True)
        ),
    )
    assert [each.HasField("record") for each in results] == [True, True, False, True, True, False]
    assert results[0].record == await world.get("new")
    assert results[1].record == await world.get("kept")
    assert len(await world.listed()) == 4
    assert (await refusal(world.get("gone")))[0] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (RecordWrite(create=creation("kept")), "ALREADY_EXISTS"),
        (RecordWrite(update=changing("kept", {}, etag="other")), "ABORTED"),
        (RecordWrite(update=changing("none", {})), "NOT_FOUND"),
        (RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("none"))), "NOT_FOUND"),
        (RecordWrite(update=changing("kept", {}, ["nothing"])), "INVALID_ARGUMENT"),
    ],
)
async def test_a_batch_is_written_as_a_whole_or_not_at_all(world, write, code):
    await world.create("kept", {"n": 1})
    with pytest.raises(AioRpcError) as caught:
        await world.batch(RecordWrite(create=creation("new")), write)
    assert caught.value.code().name == code
    assert "writes[1]" in caught.value.details()
    assert await world.listed() == ["kept"]
    assert data_of(await world.get("kept")) == {"n": 1}


async def test_a_batch_is_about_other_records_of_one_collection(world):
    other = f"{TENANT}/collections/other"
    await world.collection("other")
    same = [RecordWrite(create=creation("a")), RecordWrite(update=changing("a", {}))]
    assert (await refusal(world.batch(*same)))[0] == "INVALID_ARGUMENT"
    for write in (
        RecordWrite(create=creation("a", parent=other)),
        RecordWrite(update=changing("a", {}, parent=other)),
        RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("a", other))),
    ):
        assert (await refusal(world.batch(write)))[0] == "INVALID_ARGUMENT"
    names = [name_of("a", other)]
    request = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=names)
    assert (await refusal(world.stub.BatchGetRecords(request)))[0] == "INVALID_ARGUMENT"
    assert (await refusal(world.batch()))[0] == "INVALID_ARGUMENT"


async def test_a_restart_changes_nothing(store, clock):
    from tests.integration.records.world import World

    async with World.open(store, clock) as world:
        await world.collection(json_schema='{"required": ["n"]}')
        made = await world.create("a", {"n": 1})
    async with World.open(store, clock) as world:
        assert await world.get("a") == made
        assert (await refusal(world.create("b")))[1] == "SCHEMA_VIOLATION"


async def test_a_batch_of_creations_looks_at_records_only_where_one_is_there(world, monkeypatch):
    looked = []
    look = repository.stored_records

    async def noting(dialect, transaction, key, record_ids):
        looked.extend(record_ids)
        return await look(dialect, transaction, key, record_ids)

    monkeypatch.setattr(repository, "stored_records", noting)
    assert (
        len(await world.batch(RecordWrite(create=creation("a")), RecordWrite(create=creation("b"))))
        == 2
    )
    assert looked == []
    with pytest.raises(AioRpcError) as caught:
        await world.batch(RecordWrite(create=creation("c")), RecordWrite(create=creation("a")))
    assert caught.value.code().name == "ALREADY_EXISTS"
    assert "writes[1]" in caught.value.details()
    assert looked == ["c", "a"]


async def test_writes_are_answered_for_what_they_are_while_their_collection_changes(world):
    await world.create("taken")
    told = set()
    answered = asyncio.Queue()
    is_over = False

    async def write():
        while not is_over:
            told.add(await refusal(world.create("taken")))
            answered.put_nowait(None)

    writing = [asyncio.create_task(write()) for _ in range(20)]
    for number in range(20):
        collection = record_pb2.Collection(name=ORDERS, display_name=str(number))
        await world.stub.UpdateCollection(record_pb2.UpdateCollectionRequest(collection=collection))
        # So that none comes by three changes, of which it would be told.
        for _ in range(answered.qsize() + 4 * len(writing)):
            await answered.get()
    is_over = True
    await asyncio.gather(*writing)
    assert told == {("ALREADY_EXISTS", "RESOURCE_EXISTS")}
