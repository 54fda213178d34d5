"""Calls whose database is lost before it says that it has done what they ask for."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest

from blrcs.database.kind import kind_of
from blrcs.database.pool import PoolLimits
from blrcs.v1 import record_pb2
from tests.integration.database.reached import through, until
from tests.integration.records.direct_reads import DirectReads, outcome
from tests.integration.records.world import ORDERS, World, changing, creation, data_of
from tests.servers.proxy import proxy

UNKNOWN = grpc.StatusCode.UNKNOWN
COMMIT = {"postgresql": b"COMMIT\0", "mariadb": b"\3COMMIT"}
"""As it is sent, and no level of isolation is."""


class Reached:
    """A world on a database behind a proxy; and another one, which reaches it directly."""

    def __init__(self, kind, world, other, between):
        self.kind = kind
        self.world = world
        self.other = other
        self.proxy = between

    async def lost(self, call):
        """What a call is told whose commit is done and whose answer does not come."""
        self.proxy.hold_at(COMMIT[self.kind])
        task = asyncio.ensure_future(outcome(call))
        await until(lambda: self.proxy.held_bytes > 0 or task.done())
        assert not task.done(), task.result()
        return task


@pytest.fixture(params=["postgresql", "mariadb"])
async def reached(request, clock):
    store = request.getfixturevalue(f"{request.param}_store")
    server = request.getfixturevalue(f"{request.param}_server")
    url = server.url("services") if request.param == "postgresql" else server.url()
    async with proxy(server.port) as between, World.open(store, clock) as other:
        behind = Behind(store, through(url, server, between))
        async with World.open(behind, clock) as world:
            await other.collection()
            yield Reached(request.param, world, other, between)
    await store.empty()


class Behind:
    """A store behind the proxy, but for what would wait for it on the loop that it runs on."""

    def __init__(self, store, url):
        self.folder = store.folder
        self._store = store
        self._url = url

    @asynccontextmanager
    async def open(self):
        async with self._store.open() as (_, reader):
            limits = PoolLimits(query_timeout_s=1)
            async with await kind_of(self._url).open(self._url, limits) as database:
                yield database, reader


async def test_a_call_ends_by_its_deadline_and_its_record_is_there(reached):
    call = reached.world.stub.CreateRecord(creation("a", {"n": 1}), timeout=1)
    code, *_ = await (await reached.lost(call))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert data_of(await reached.other.get("a")) == {"n": 1}
    # Once more is told as such.
    code, *_ = await outcome(reached.world.stub.CreateRecord(creation("a", {"n": 1})))
    assert code is grpc.StatusCode.ALREADY_EXISTS
    assert await reached.other.listed() == ["a"]


@pytest.mark.parametrize("record_id", ["a", ""])
async def test_a_creation_is_told_as_unknown_and_not_made_again(reached, record_id):
    call = await reached.lost(reached.world.stub.CreateRecord(creation(record_id, {"n": 1})))
    reached.proxy.cut()
    code, message, _ = await call
    assert code is UNKNOWN
    assert message.endswith("whether it was written is not known")
    assert len(await reached.other.listed()) == 1


async def test_an_update_is_not_made_again_by_another_collection(reached):
    await reached.world.create("a", {"n": 0})
    before = await reached.other.get("a")
    call = reached.world.stub.UpdateRecord(changing("a", {"n": 1}, ["data.n"]))
    lost = await reached.lost(call)
    # By what it was judged is in force no more.
    await reached.other.stub.UpdateCollection(
        record_pb2.UpdateCollectionRequest(
            collection=record_pb2.Collection(name=ORDERS, display_name="others"),
            update_mask={"paths": ["display_name"]},
        )
    )
    reached.proxy.cut()
    code, *_ = await lost
    assert code is UNKNOWN
    after = await reached.other.get("a")
    assert data_of(after) == {"n": 1}
    assert (before.etag.rpartition("-")[2], after.etag.rpartition("-")[2]) == ("1", "2")


async def test_a_batch_is_told_as_unknown(reached):
    request = record_pb2.BatchWriteRecordsRequest(
        parent=ORDERS,
        writes=[record_pb2.RecordWrite(create=creation(f"r{n}", {"n": n})) for n in range(20)],
    )
    call = await reached.lost(reached.world.stub.BatchWriteRecords(request))
    reached.proxy.cut()
    code, *_ = await call
    assert code is UNKNOWN
    assert len(await reached.other.listed()) == 20


async def test_a_read_without_a_deadline_ends_on_both_roads(reached):
    await reached.world.create("a", {"n": 1})
    async with DirectReads(reached.world).opened() as direct:
        assert data_of(await direct("a")) == {"n": 1}
        reached.proxy.hold_at(b"orders")
        told = await outcome(direct("a", timeout=None))
        reached.proxy.hold_at(b"orders")
        request = record_pb2.GetRecordRequest(name=f"{ORDERS}/records/a")
        assert await outcome(reached.world.stub.GetRecord(request)) == told
        code, message, _ = told
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert message == "the database took too long to answer"
        assert data_of(await direct("a")) == {"n": 1}
        assert len(direct.queries) == 2
