"""Collections, on each database."""

import json

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import AioRpcError

from blrcs.v1 import record_pb2
from tests.integration.records.world import ORDERS, TENANT, World, data_of, seconds, struct
from tests.unit.api.refusals import refusal

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 1}, "tag": {"pattern": "^[a-z]+$"}},
        "required": ["n"],
    }
)


def named(collection_id="orders", **fields):
    return record_pb2.Collection(name=f"{TENANT}/collections/{collection_id}", **fields)


def get(world, collection_id="orders"):
    request = record_pb2.GetCollectionRequest(name=named(collection_id).name)
    return world.stub.GetCollection(request)


def update(world, mask, collection_id="orders", **fields):
    request = record_pb2.UpdateCollectionRequest(
        collection=named(collection_id, **fields), update_mask=FieldMask(paths=mask)
    )
    return world.stub.UpdateCollection(request)


def delete(world, **fields):
    return world.stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=ORDERS, **fields))


async def test_a_collection_is_the_same_after_a_restart(store, clock):
    async with World.open(store, clock) as world:
        made = await world.collection(
            display_name="Orders",
            json_schema=SCHEMA,
            default_ttl=seconds(60),
            encrypted_fields=["card.number"],
            secret_fields=["pin"],
        )
        assert made.name == ORDERS
        assert await refusal(world.collection()) == ("ALREADY_EXISTS", "RESOURCE_EXISTS")
    async with World.open(store, clock) as world:
        assert await get(world) == made


async def test_collections_are_listed_by_their_tenant(world):
    for each in ("b", "a", "c"):
        await world.collection(each)
    other = record_pb2.CreateCollectionRequest(
        parent="tenants/other", collection_id="x", collection=record_pb2.Collection()
    )
    await world.stub_of("users/alice").CreateCollection(other)
    request = record_pb2.ListCollectionsRequest(parent=TENANT, page_size=3)
    page = await world.stub.ListCollections(request)
    request.page_token = page.next_page_token
    rest = await world.stub.ListCollections(request)
    names = [each.name for each in (*page.collections, *rest.collections)]
    assert names == [f"{TENANT}/collections/{each}" for each in ("a", "b", "c", "orders")]
    request.parent = "tenants/other"
    assert (await refusal(world.stub.ListCollections(request)))[1] == "PAGE_TOKEN_INVALID"


async def test_an_update_changes_what_its_mask_names(world):
    made = await get(world)
    changed = await update(world, ["display_name"], display_name="New", json_schema="ignored")
    assert (changed.display_name, changed.json_schema) == ("New", "")
    assert changed.etag != made.etag
    assert await get(world) == changed
    stale = update(world, ["display_name"], display_name="Old", etag=made.etag)
    assert await refusal(stale) == ("ABORTED", "ETAG_MISMATCH")
    for field in ("name", "encrypted_fields", "secret_fields", "create_time"):
        assert (await refusal(update(world, [field])))[0] == "INVALID_ARGUMENT"
    assert (await refusal(update(world, ["display_name"], "none")))[0] == "NOT_FOUND"


async def test_records_are_held_to_the_schema_in_force(world):
    await world.create("old", {"n": "text"})
    await update(world, ["json_schema"], json_schema=SCHEMA)
    for data in ({}, {"n": 0}, {"n": 1.5}, {"n": 1, "tag": "A"}):
        assert (await refusal(world.create("a", data)))[1] == "SCHEMA_VIOLATION"
    made = await world.create("a", {"n": 1})
    assert (await refusal(world.update("a", {"n": 0}, ["data.n"])))[1] == "SCHEMA_VIOLATION"
    assert (await refusal(world.update("a", {}, ["data.n"])))[1] == "SCHEMA_VIOLATION"
    assert await world.get("a") == made
    assert data_of(await world.get("old")) == {"n": "text"}
    assert (await refusal(world.update("old", {"x": 1}, ["data.x"])))[1] == "SCHEMA_VIOLATION"
    await update(world, ["json_schema"])
    await world.create("b", {})


async def test_a_schema_that_another_process_has_put_in_force_holds_at_once(store, clock):
    async with World.open(store, clock) as one, World.open(store, clock) as other:
        await one.collection()
        await one.create("a", {"n": 0})
        await other.create("b", {"n": 0})
        await update(one, ["json_schema"], json_schema=SCHEMA)
        assert (await refusal(other.create("c", {"n": 0})))[1] == "SCHEMA_VIOLATION"
        await delete(one, force=True)
        assert (await refusal(other.create("c", {"n": 1})))[0] == "NOT_FOUND"
        await one.collection(secret_fields=["pin"])
        made = await other.create("c", {"n": 0, "pin": "1234"})
        assert data_of(made) == {"n": 0}


async def test_what_breaks_a_schema_is_not_repeated(world):
    await update(world, ["json_schema"], json_schema=json.dumps({"maxProperties": 0}))
    with pytest.raises(AioRpcError) as caught:
        await world.create("a", {"card": "4111-1111"})
    assert "4111" not in repr(caught.value)


async def test_a_collection_with_records_is_deleted_by_force_alone(world, clock):
    await world.create("a", {"n": 1})
    assert await refusal(delete(world)) == ("FAILED_PRECONDITION", "COLLECTION_NOT_EMPTY")
    assert await refusal(delete(world, etag="x")) == ("ABORTED", "ETAG_MISMATCH")
    await delete(world, force=True)
    assert (await refusal(get(world)))[0] == "NOT_FOUND"
    assert (await refusal(world.get("a")))[0] == "NOT_FOUND"
    await world.collection()
    assert await world.listed() == []
    await world.create("short", ttl=seconds(1))
    clock.advance(2_000_000_000)
    await delete(world)


@pytest.mark.parametrize(
    "fields",
    [
        {"encrypted_fields": ["a", "a.b"]},
        {"encrypted_fields": ["a"], "secret_fields": ["a"]},
        {"encrypted_fields": ["a."]},
        {"secret_fields": ["`a"]},
        {"json_schema": "{"},
        {"json_schema": "[]"},
        {"json_schema": '{"type": "objekt"}'},
        {"json_schema": '{"$ref": "http://127.0.0.1/schema"}'},
        {"default_ttl": seconds(-1)},
    ],
)
async def test_what_makes_no_sense_is_refused(world, fields):
    assert (await refusal(world.collection("other", **fields)))[0] == "INVALID_ARGUMENT"
    assert (await refusal(get(world, "other")))[0] == "NOT_FOUND"


async def test_records_of_namesakes_are_told_apart(world):
    await world.collection("other")
    await world.create("a", {"n": 1})
    await world.create("a", {"n": 2}, parent=f"{TENANT}/collections/other")
    assert data_of(await world.get("a")) == {"n": 1}
    assert struct({"n": 1}) == (await world.get("a")).data
