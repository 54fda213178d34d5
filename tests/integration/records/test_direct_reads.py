"""Reads that go to a database together, over the native transport, beside those that go alone."""

import asyncio
from contextlib import AsyncExitStack

import grpc
import pytest

from blrcs.assembly.direct import direct_records
from blrcs.database.repositories.record_together import MAX_BYTES
from blrcs.domain.errors import UnavailableError
from blrcs.v1 import record_pb2
from tests.integration.records.direct_reads import OTHER, DirectReads, outcome
from tests.integration.records.world import ORDERS, World, data_of, name_of, seconds

# SQLite is read at once.
pytestmark = pytest.mark.parametrize("store", ["postgresql", "mariadb"], indirect=True)

DATA = {"city": "Zürich", "lines": [{"count": 2.0, "sku": "x\n"}], "open": True, "note": None}
CONNECTIONS = 30
DEADLINE_S = 2
"""As many as a pool has."""


@pytest.fixture
async def direct(world):
    async with DirectReads(world).opened() as direct:
        yield direct


async def test_records_are_those_that_python_reads(world, direct):
    await world.create("a", DATA)
    await world.create("b", {"n": 1}, ttl=seconds(60))
    for record_id in ("a", "b", "a"):
        assert await direct(record_id) == await world.get(record_id)
    assert len(direct.queries) == 3
    assert data_of(await direct("a")) == DATA


@pytest.mark.parametrize(
    "request_",
    [
        record_pb2.GetRecordRequest(name=name_of("none")),
        record_pb2.GetRecordRequest(name=name_of("expired")),
        record_pb2.GetRecordRequest(name=name_of("A")),
        record_pb2.GetRecordRequest(name="tenants/none/collections/none/records/a"),
        record_pb2.GetRecordRequest(name="tenants/Acme/collections/orders/records/a"),
        record_pb2.GetRecordRequest(name=f"{ORDERS}/records/-a"),
        record_pb2.GetRecordRequest(name=f"{ORDERS}/records/a\0"),
        record_pb2.GetRecordRequest(name=f"{ORDERS}/records/' OR 1=1 --"),
        record_pb2.GetRecordRequest(name=f"{ORDERS}/records/{'x' * 128}"),
        record_pb2.GetRecordRequest(name=f"{ORDERS}/records/{'x' * 129}"),
        record_pb2.GetRecordRequest(name=""),
        record_pb2.GetRecordRequest(name=name_of("a"), read_mask={"paths": ["data.city"]}),
        record_pb2.GetRecordRequest(name=name_of("a"), read_mask={"paths": ["none"]}),
        record_pb2.GetRecordRequest(name=name_of("a"), read_mask={}),
    ],
)
async def test_all_else_is_answered_as_python_does(world, direct, clock, request_):
    await world.create("a", DATA)
    await world.create("expired", DATA, ttl=seconds(1))
    clock.advance(5_000_000_000)
    expected = await outcome(world.stub.GetRecord(request_))
    assert await outcome(direct(request_)) == expected


async def test_one_query_reads_what_is_asked_for_meanwhile(world, direct):
    others = await world.collection("others")
    for number in range(5):
        await world.create(f"r{number}", {"n": number})
    await world.create("r0", {"n": -1}, others.name)
    first = await direct.two_that_run(["r0", "r1"])
    asked = [number % 6 for number in range(60)]
    elsewhere = record_pb2.GetRecordRequest(name=f"{others.name}/records/r0")
    calls = [asyncio.ensure_future(outcome(direct(f"r{number}"))) for number in asked]
    calls.append(asyncio.ensure_future(outcome(direct(elsewhere))))
    await direct.arrived()
    direct.may_begin.set()

    assert [data_of(await each) for each in first] == [{"n": 0.0}, {"n": 1.0}]
    found = await asyncio.gather(*calls)
    for number, each in zip(asked, found[:-1], strict=True):
        if number < 5:
            assert data_of(each) == {"n": number}
        else:
            assert each[:2] == (grpc.StatusCode.NOT_FOUND, f"{name_of('r5')} does not exist")
    assert data_of(found[-1]) == {"n": -1}
    assert len(direct.queries) == 3
    assert sorted(max(direct.queries, key=len)) == [
        *[f"acme/orders/r{number}" for number in range(6)],
        "acme/others/r0",
    ]


async def test_many_take_several_queries(world, direct):
    ids = [f"r{number:02}" for number in range(92)]
    await asyncio.gather(*[world.create(each, {"id": each}) for each in ids])
    calls = await direct.two_that_run(ids[:2])
    calls += [asyncio.ensure_future(outcome(direct(each))) for each in ids[2:]]
    await direct.arrived()
    direct.may_begin.set()
    assert [data_of(await each) for each in calls] == [{"id": each} for each in ids]
    assert sorted(map(len, direct.queries)) == [1, 1, 26, 64]
    asked = sorted(each for query in direct.queries for each in query)
    assert asked == [f"acme/orders/{each}" for each in ids]


async def test_a_read_sees_what_was_acknowledged_before_it(world, direct):
    await world.create("a", {"n": 0})
    for number in range(1, 30):
        others = [asyncio.ensure_future(outcome(direct("a"))) for _ in range(20)]
        await world.update("a", {"n": number}, ["data.n"])
        assert data_of(await direct("a")) == {"n": number}
        await asyncio.gather(*others)


@pytest.mark.parametrize("settings", [{}, {"copies": 1 << 20}])
async def test_with_replicas_all_of_them_go_to_python(store, clock, settings):
    async def token():
        return ""

    async with World.open(store, clock, consistency_token=token, **settings) as world:
        assert direct_records(world.records) == {}


async def test_who_may_not_is_refused_before_anything_is_looked_up(world, direct):
    await world.create("a", DATA)
    for record_id in ("a", "none"):
        code, *_ = await outcome(direct(record_id, OTHER))
        assert code is grpc.StatusCode.PERMISSION_DENIED
    assert direct.queries == []


@pytest.mark.parametrize("kind", ["encrypted_fields", "secret_fields"])
async def test_what_is_sealed_is_opened_by_python(world, direct, kind):
    parent = (await world.collection("sealed", **{kind: ["city"]})).name
    for record_id in ("a", "b"):
        await world.create(record_id, {"city": "Bonn", "n": 1}, parent)
    for record_id in ("a", "b"):
        request = record_pb2.GetRecordRequest(name=f"{parent}/records/{record_id}")
        found = await direct(request)
        assert found == await world.stub.GetRecord(request)
        assert data_of(found).get("city") == ("Bonn" if kind == "encrypted_fields" else None)
    # Of the second one it was known.
    assert direct.queries == [["acme/sealed/a"]]
    await world.create("a", DATA)
    assert data_of(await direct("a")) == DATA
    assert len(direct.queries) == 2


async def test_large_ones_are_read_alone(world, direct):
    await world.create("small", {"text": "x"})
    await world.create("large", {"text": "x" * MAX_BYTES})
    for _ in range(2):
        for record_id in ("large", "small"):
            assert await direct(record_id) == await world.get(record_id)
    # Of the large one it was known, and only of it.
    assert direct.queries == [["acme/orders/large"], *[["acme/orders/small"]] * 2]


async def test_answers_of_many_are_bounded(world, direct):
    ids = [f"r{number:02}" for number in range(20)]
    for each in ids:
        await world.create(each, {"text": "x" * MAX_BYTES})
    rows = await direct.together.read([("acme", "orders", each) for each in ids])
    assert [row.encoded for row in rows] == [b""] * len(ids)


async def test_without_a_free_connection_each_waits_for_itself(world, direct, monkeypatch):
    # Early, so that no machine is too busy to be told in time.
    monkeypatch.setattr("blrcs.database.pool.ANSWER_SHARE", 0.9)
    monkeypatch.setattr("blrcs.database.pool.ANSWER_MAX_S", DEADLINE_S)
    await world.create("a", DATA)
    async with AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            await stack.enter_async_context(direct.database.transaction())
        assert not direct.database.is_free
        refused = outcome(direct("a", timeout=DEADLINE_S))
        waiting = asyncio.ensure_future(outcome(direct("a")))
        code, message, _ = await refused
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert message == "all connections to the database are in use"
    assert data_of(await waiting) == DATA
    assert direct.queries == [None, None]


async def test_a_database_that_is_gone_is_told_to_all(world, direct):
    await world.create("a", DATA)
    await direct.database.close()
    expected = await outcome(world.stub.GetRecord(record_pb2.GetRecordRequest(name=name_of("a"))))
    assert expected[0] is grpc.StatusCode.UNAVAILABLE
    assert await outcome(direct("a")) == expected


async def test_what_is_raised_is_found_out_by_each(world, direct, monkeypatch):
    await world.create("a", DATA)
    read = world.records.direct_reads
    errors = [UnavailableError("DATABASE_UNAVAILABLE", "gone"), RuntimeError("broken")]

    async def raising(_):
        raise errors.pop(0)

    monkeypatch.setattr(type(read), "read", lambda _, keys: raising(keys))
    assert (await outcome(direct("a")))[:2] == (grpc.StatusCode.UNAVAILABLE, "gone")
    assert data_of(await direct("a")) == DATA
