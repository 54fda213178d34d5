"""Declared indexes: they change what a list costs, and nothing else."""

import random

import pytest
import sqlalchemy as sa

from blrcs.database.repositories import record_index as indexing
from blrcs.database.statement import Statement
from blrcs.database.tables import record_index
from blrcs.v1 import record_pb2
from tests.integration.records.world import SECOND_NS, TENANT, changing, creation, seconds
from tests.unit.api.refusals import refusal

PLAIN = f"{TENANT}/collections/plain"
INDEXED = f"{TENANT}/collections/indexed"
ALL = Statement(sa.select(record_index).order_by(record_index.c.record_id, record_index.c.path_id))
LONG = "x" * 127
TEXTS = ["", "a", "ab", "abc", "b", "Ä", "\U0001f600", "\U0010ffff", f"{LONG}a", f"{LONG}ab"]
TEXTS += [f"{LONG}b", "a%", "a_", "1", "\ud7ff", "\ue000"]
NUMBERS = [-1.5, 0, 1, 1.5, 2, 1e300, -1e300, 2**53]
OTHERS = [None, True, False, ["a", 1], {"deep": "a"}, {}]


def filters():
    comparisons = [
        *(f'data.a {operator} "{text}"' for operator in ("=", "<", ">=", "!=") for text in TEXTS),
        *(f"data.a {operator} {number}" for operator in ("=", "<=", ">") for number in NUMBERS),
        *(f'data.a = "{text}*"' for text in ("a", "ab", LONG, "\U0010ffff", "\ud7ff", "Ä")),
        'data.a = "*b"',
        'data.a:"a"',
        "data.a:*",
        "data.a = true",
        "data.a = null",
        'data.b.c = "a"',
        "data.b.c > 1",
    ]
    chosen = random.Random(7)
    yield from comparisons
    for _ in range(15):
        one, other, third = (chosen.choice(comparisons) for _ in range(3))
        yield f"{one} AND {other}"
        yield f"{one} AND ({other} OR {third})"
        yield f"{one} OR {other}"
        yield f"NOT ({one}) AND {other}"
        yield f"data.a >= 0 AND data.a < 2 AND {one}"


async def fill(world):
    await world.collection("plain")
    paths = [record_pb2.RecordIndex(path=path) for path in ("a", "b.c")]
    await world.collection("indexed", indexes=paths)
    values = [*TEXTS, *NUMBERS, *OTHERS]
    documents = [{"a": value} for value in values]
    documents += [{"a": value, "b": {"c": value}} for value in values]
    documents += [{"b": {"c": value}} for value in values] + [{}]
    for parent in (PLAIN, INDEXED):
        writes = [
            record_pb2.RecordWrite(create=creation(f"r{number}", data, parent))
            for number, data in enumerate(documents)
        ]
        await world.batch(*writes, parent=parent)


async def listed(world, parent, **fields):
    request = record_pb2.ListRecordsRequest(parent=parent, page_size=1000, **fields)
    page = await world.stub.ListRecords(request)
    return [each.name.rpartition("/")[2] for each in page.records]


async def test_a_list_is_the_same_with_an_index_and_without(world):
    await fill(world)
    for text in filters():
        expected = await listed(world, PLAIN, filter=text)
        assert await listed(world, INDEXED, filter=text) == expected, text
        request = record_pb2.CountRecordsRequest(parent=INDEXED, filter=text)
        assert (await world.stub.CountRecords(request)).count == len(expected), text


async def test_pages_are_the_same_with_an_index_and_without(world):
    await fill(world)
    fields = {"filter": 'data.a >= "a"', "order_by": "data.a desc"}
    expected = await listed(world, PLAIN, **fields)
    found, token = [], ""
    while True:
        request = record_pb2.ListRecordsRequest(
            parent=INDEXED, page_size=3, page_token=token, **fields
        )
        page = await world.stub.ListRecords(request)
        found += [each.name.rpartition("/")[2] for each in page.records]
        token = page.next_page_token
        if not token:
            break
    assert found == expected
    assert len(found) > 6


async def test_an_index_that_names_too_much_is_left_alone(world, monkeypatch):
    await fill(world)
    used = []
    narrowing = indexing.Bounds.narrowing.fget

    def noted(bounds):
        used.append(bounds.shape)
        return narrowing(bounds)

    monkeypatch.setattr(indexing.Bounds, "narrowing", property(noted))
    expected = await listed(world, INDEXED, filter='data.a = "ab"')
    assert used == [("text_value", True, True)]
    monkeypatch.setattr("blrcs.database.repositories.record.MOST_NAMED", 1)
    assert await listed(world, INDEXED, filter='data.a = "ab"') == expected
    assert await listed(world, PLAIN, filter='data.a = "ab"') == expected
    assert len(used) == 1


async def test_the_index_has_what_is_stored_and_nothing_else(world, clock):
    await fill(world)
    database = world.records.service._records.get_record._records._database
    for number in range(10):
        await world.stub.UpdateRecord(changing(f"r{number}", {"a": "new"}, parent=INDEXED))
    for number in range(10, 20):
        name = f"{INDEXED}/records/r{number}"
        await world.stub.DeleteRecord(record_pb2.DeleteRecordRequest(name=name))
    await world.stub.CreateRecord(creation("short", {"a": "s"}, INDEXED, ttl=seconds(1)))
    await world.stub.CreateRecord(creation("again", {"a": "s"}, INDEXED, ttl=seconds(1)))
    clock.advance(2 * SECOND_NS)
    await world.stub.CreateRecord(creation("again", {"a": 1}, INDEXED))
    await world.records.purge.expired()
    kept = await listed(world, INDEXED)
    rows = await database.fetch_all(ALL)
    assert {row.record_id for row in rows} <= set(kept)
    new = await listed(world, INDEXED, filter='data.a = "new"')
    assert sorted(new) == sorted(f"r{number}" for number in range(10))
    assert [row.number_value for row in rows if row.record_id == "again"] == [1.0]
    await world.stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=INDEXED, force=True))
    assert await database.fetch_all(ALL) == []


@pytest.mark.parametrize("paths", [["a", "a"], ["a."], ["secret"], ["secret.deep"], ["a"] * 17])
async def test_what_cannot_be_indexed_is_refused(world, paths):
    indexes = [record_pb2.RecordIndex(path=path) for path in paths]
    call = world.collection("other", indexes=indexes, secret_fields=["secret"])
    assert (await refusal(call))[0] == "INVALID_ARGUMENT"
