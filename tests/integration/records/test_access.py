"""Who may do what with which record."""

import pytest

from blrcs.v1 import record_pb2
from tests.integration.records.world import ORDERS, TENANT, changing, creation, name_of
from tests.unit.api.refusals import refusal

DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")


@pytest.fixture
async def filled(world):
    await world.collection("other")
    await world.create("a", {"n": 1})
    await world.create("b", {"n": 2})
    return world


def get(stub, record_id, parent=ORDERS):
    return stub.GetRecord(record_pb2.GetRecordRequest(name=name_of(record_id, parent)))


async def test_a_permission_on_one_record_is_one_on_no_other(filled):
    stub = filled.stub_of("users/bob", {"blrcs.records.get": name_of("a")})
    assert (await get(stub, "a")).name == name_of("a")
    for record_id in ("b", "none"):
        assert await refusal(get(stub, record_id)) == DENIED
    names = [name_of("a")]
    batch = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=names)
    assert await refusal(stub.BatchGetRecords(batch)) == DENIED


async def test_a_permission_on_a_collection_is_one_on_its_records_alone(filled):
    stub = filled.stub_of("users/bob", {"blrcs.records.get": ORDERS})
    assert (await get(stub, "a")).name == name_of("a")
    other = f"{TENANT}/collections/other"
    assert await refusal(get(stub, "a", other)) == DENIED
    assert await refusal(get(stub, "a", f"{ORDERS}2")) == DENIED
    beside = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=[name_of("a", other)])
    assert (await refusal(stub.BatchGetRecords(beside)))[0] == "INVALID_ARGUMENT"


async def test_a_batch_reaches_no_record_that_is_denied(filled):
    stub = filled.stub_of("users/bob", BATCHES | {"blrcs.records.update": ORDERS})
    filled.deny("users/bob", ("blrcs.records.get", "blrcs.records.batchWrite"), name_of("a"))
    assert await refusal(get(stub, "a")) == DENIED
    both = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=[name_of("b"), name_of("a")])
    assert await refusal(stub.BatchGetRecords(both)) == DENIED
    kept = await filled.get("a")
    for write in (
        record_pb2.RecordWrite(update=changing("a", {"n": 9})),
        record_pb2.RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("a"))),
    ):
        writes = [record_pb2.RecordWrite(update=changing("b", {"n": 9})), write]
        batch = record_pb2.BatchWriteRecordsRequest(parent=ORDERS, writes=writes)
        assert await refusal(stub.BatchWriteRecords(batch)) == DENIED
    assert await filled.get("a") == kept
    assert (await filled.get("b")).data["n"] == 2
    rest = record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=[name_of("b")])
    assert [each.name for each in (await stub.BatchGetRecords(rest)).records] == [name_of("b")]
    del batch.writes[1]
    assert len((await stub.BatchWriteRecords(batch)).results) == 1


async def test_tenants_do_not_see_each_other(filled):
    stub = filled.stub_of("users/bob", {"blrcs.*": "tenants/other"})
    calls = (
        get(stub, "a"),
        stub.ListRecords(record_pb2.ListRecordsRequest(parent=ORDERS)),
        stub.CountRecords(record_pb2.CountRecordsRequest(parent=ORDERS)),
        stub.CreateRecord(creation("c")),
        stub.UpdateRecord(changing("a", {}, allow_missing=True)),
        stub.DeleteRecord(record_pb2.DeleteRecordRequest(name=name_of("a"))),
        stub.BatchWriteRecords(
            record_pb2.BatchWriteRecordsRequest(
                parent=ORDERS, writes=[record_pb2.RecordWrite(create=creation("c"))]
            )
        ),
        stub.GetCollection(record_pb2.GetCollectionRequest(name=ORDERS)),
        stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=ORDERS, force=True)),
        stub.ListCollections(record_pb2.ListCollectionsRequest(parent=TENANT)),
    )
    for call in calls:
        assert await refusal(call) == DENIED
    watch = stub.WatchRecords(record_pb2.WatchRecordsRequest(parent=ORDERS))
    assert await refusal(anext(aiter(watch))) == DENIED


async def test_who_may_update_may_not_create_by_it(filled):
    stub = filled.stub_of("users/bob", {"blrcs.records.update": ORDERS})
    await stub.UpdateRecord(changing("a", {"n": 3}))
    for record_id in ("a", "new"):
        call = stub.UpdateRecord(changing(record_id, {}, allow_missing=True))
        assert await refusal(call) == DENIED
    both = filled.stub_of("users/eve", dict.fromkeys(CREATING, ORDERS))
    await both.UpdateRecord(changing("new", {}, allow_missing=True))


BATCHES = dict.fromkeys(("blrcs.records.get", "blrcs.records.batchWrite"), ORDERS)
CREATING = ("blrcs.records.update", "blrcs.records.create")
