"""Encrypted fields that are found by equality, on each database."""

import pytest

from blrcs.domain.record_name import CollectionKey
from blrcs.v1 import record_pb2
from tests.integration.encryption.tool import all_of, tool
from tests.integration.records.world import ORDERS, World, data_of
from tests.unit.api.refusals import refusal

FIELDS = {
    "encrypted_fields": ["card.number", "age", "other"],
    "indexes": [{"path": "card.number"}, {"path": "age"}, {"path": "plain"}],
}
NUMBERS = {"a": "4111", "b": "4222", "c": "4111", "d": "", "e": "x" * 300}


@pytest.fixture
async def world(store, clock):
    async with World.open(store, clock) as world:
        await world.collection(**FIELDS)
        for record_id, number in NUMBERS.items():
            await world.create(record_id, {"card": {"number": number}, "plain": record_id})
        await world.create("f", {"plain": "f"})
        await world.create("g", {"card": {"number": 4111}, "age": -0.0})
        await world.create("h", {"card": {"number": ["4111"]}, "age": None})
        yield world


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ('data.card.number = "4111"', "ac"),
        ('data.card.number = "41"', ""),
        ('data.card.number = ""', "d"),
        (f'data.card.number = "{"x" * 300}"', "e"),
        (f'data.card.number = "{"x" * 299}"', ""),
        ("data.card.number = 4111", "g"),
        ("data.age = 0", "g"),
        ('data.card.number != "4111"', "bdefgh"),
        ('NOT data.card.number = "4111" AND data.plain = b', "b"),
        ('data.card.number = "4111" AND data.plain = c', "c"),
        ('data.card.number = "4222" OR data.plain = f', "bf"),
        ('data.card.number = "4111" data.card.number = "4222"', ""),
        ("data.card.number = 4.111e3", "g"),
    ],
)
async def test_records_are_found_by_equality(world, filter_, expected):
    assert await world.listed(filter=filter_) == list(expected)
    request = record_pb2.CountRecordsRequest(parent=ORDERS, filter=filter_)
    assert (await world.stub.CountRecords(request)).count == len(expected)


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": 'data.card.number = "41*"'},
        {"filter": 'data.card.number = "*"'},
        {"filter": 'data.card.number > "4"'},
        {"filter": "data.card.number:*"},
        {"filter": 'data.card.number:"4111"'},
        {"filter": "data.card.number = true"},
        {"filter": "data.card.number != null"},
        {"filter": 'data.card.number = timestamp("2024-01-01T00:00:00Z")'},
        {"filter": "data.card.number.deep = 1"},
        {"filter": "NOT (data.plain = a OR data.card.number < 1)"},
        {"filter": 'data.other = "no index"'},
        {"order_by": "data.card.number"},
    ],
)
async def test_nothing_else_can_be_asked(world, fields):
    call = world.stub.ListRecords(record_pb2.ListRecordsRequest(parent=ORDERS, **fields))
    assert await refusal(call) == ("INVALID_ARGUMENT", "FIELD_SEALED")


async def test_what_is_stored_tells_nothing_of_the_values(world, store):
    await world.create("i", {"card": {"number": "unmistakable"}})
    content = await store.content()
    assert b"unmistakable" not in content
    ring = await world.encryption.keys.ring(CollectionKey("acme", "orders"), indexed=True)
    assert ring.tag("card.number", b"s4111").encode() in content
    assert ring.tag("age", b"s4111") != ring.tag("card.number", b"s4111")


async def test_readers_are_shown_values_and_no_tags(world, store):
    assert data_of(await world.get("a")) == {"card": {"number": "4111"}, "plain": "a"}
    page = await world.stub.ListRecords(
        record_pb2.ListRecordsRequest(parent=ORDERS, filter='data.card.number = "4222"')
    )
    assert [data_of(each) for each in page.records] == [{"card": {"number": "4222"}, "plain": "b"}]
    assert data_of(await world.get("a", "data.card")) == {"card": {"number": "4111"}}
    changed = await world.update("a", {"plain": "z"}, ["data.plain"])
    assert data_of(changed) == {"card": {"number": "4111"}, "plain": "z"}
    assert data_of(await world.update("h", {"plain": "z"}, ["data.plain"])) == {
        "card": {"number": ["4111"]},
        "age": None,
        "plain": "z",
    }


async def test_a_change_is_found_and_what_was_is_not(world):
    await world.update("a", {"card": {"number": "5"}}, ["data.card.number"])
    assert await world.listed(filter='data.card.number = "4111"') == ["c"]
    assert await world.listed(filter='data.card.number = "5"') == ["a"]
    await world.update("a", {}, ["data.card.number"])
    assert await world.listed(filter='data.card.number = "5"') == []
    await world.delete("c")
    assert await world.listed(filter='data.card.number = "4111"') == []


async def test_a_rotation_changes_nothing_of_what_is_found(world, store):
    async with tool(store) as it:
        await it.rotation.rotate_data("acme")
        await world.create("new", {"card": {"number": "4111"}})
        assert await world.listed(filter='data.card.number = "4111"') == ["a", "c", "new"]
        await all_of(it.reencryption.run())
        await it.destroy_unused()
    await world.encryption.look()
    assert await world.listed(filter='data.card.number = "4111"') == ["a", "c", "new"]


async def test_only_an_encrypted_field_as_a_whole_has_one(world):
    for fields in (
        {"encrypted_fields": ["a"], "indexes": [{"path": "a.b"}]},
        {"encrypted_fields": ["a.b"], "indexes": [{"path": "a"}]},
        {"secret_fields": ["a"], "indexes": [{"path": "a"}]},
        {"encrypted_fields": ["a"], "indexes": [{"path": "a"}, {"path": "a"}]},
    ):
        assert (await refusal(world.collection("other", **fields)))[0] == "INVALID_ARGUMENT"
