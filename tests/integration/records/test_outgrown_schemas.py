"""A schema that was stored before the bounds were what they are."""

from blrcs.records import json_schema
from blrcs.v1 import record_pb2
from tests.integration.records.world import ORDERS, World
from tests.unit.api.refusals import refusal

OUTGROWN = ("FAILED_PRECONDITION", "SCHEMA_OUTGROWN")
SCHEMA = '{"allOf": [{"type": "object"}, {"maxProperties": 9}], "unevaluatedProperties": true}'


async def test_only_what_it_would_judge_is_refused(world, store, clock, monkeypatch):
    await world.create("a", {"x": 1})
    await world.create("b", {"x": 1})
    update = record_pb2.UpdateCollectionRequest(
        collection=record_pb2.Collection(name=ORDERS, json_schema=SCHEMA)
    )
    await world.stub.UpdateCollection(update)
    monkeypatch.setattr(json_schema, "MAX_PARTS", 5)

    async with World.open(store, clock) as later:
        for call in (later.create("c"), later.update("a", {"x": 2})):
            assert await refusal(call) == OUTGROWN
        batch = later.batch(
            record_pb2.RecordWrite(
                create=record_pb2.CreateRecordRequest(
                    parent=ORDERS, record_id="c", record=record_pb2.Record(data={})
                )
            )
        )
        assert await refusal(batch) == OUTGROWN
        await later.delete("b")
        assert (await later.get("a")).data["x"] == 1
        assert await later.listed(filter="data.x = 1") == ["a"]
        count = record_pb2.CountRecordsRequest(parent=ORDERS)
        assert (await later.stub.CountRecords(count)).count == 1
        assert (await refusal(later.stub.UpdateCollection(update)))[0] == "INVALID_ARGUMENT"

        update.collection.json_schema = '{"type": "object"}'
        await later.stub.UpdateCollection(update)
        await later.create("c", {"x": 3})
