"""Indexes that change while several processes read and write."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from blrcs.application.collections.build_indexes import OUTLIVED_AFTER_NS
from blrcs.application.ports.records import Selection
from blrcs.database.repositories import index_builds
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.database.repositories.record import CLOCKS_AGREE_NS, SqlRecordRepository
from blrcs.database.statement import Statement
from blrcs.database.tables import collections, record_feeds, records
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import parse_order_by
from blrcs.domain.record_name import CollectionKey
from blrcs.v1 import record_pb2
from tests.integration.records.reindexed import (
    BUILDING,
    INDEXED,
    READY,
    Builder,
    Twins,
    builds,
    declare,
    entries,
    expected_entries,
    feed,
    listed,
    shown,
)
from tests.integration.records.world import World, changing, creation
from tests.integration.stores import FileStore

KEY = CollectionKey("acme", "indexed")
PROGRAM = Path(__file__).with_name("building_until_killed.py")
ANCHORS = [f"k{number:02}" for number in range(25)]
ROUNDS = 3
TIMEOUT_S = 120
_REVISE = [
    Statement(sa.update(table).where(which == "indexed").values(revision=sa.bindparam("new")))
    for table, which in ((collections, collections.c.id), (record_feeds, record_feeds.c.collection))
]
_CHANGE = Statement(
    sa.update(records)
    .where(records.c.record_id == sa.bindparam("of_id"))
    .values(document='{"city": "elsewhere"}')
)
_DELETE = Statement(sa.delete(records).where(records.c.record_id == sa.bindparam("of_id")))

pytestmark = pytest.mark.usefixtures("small_steps")


class Traffic:
    """Reads and writes of two processes; some records have what is asked for at every moment."""

    def __init__(self):
        self.is_over = asyncio.Event()
        self.has_read = asyncio.Event()
        self.reads = [0, 0]

    async def write(self, world, seed):
        chosen = random.Random(seed)
        while not self.is_over.is_set():
            record_id = chosen.choice([*ANCHORS, f"x{chosen.randrange(30)}"])
            data = {"other": chosen.random(), "city": "Bonn", "n": 5}
            if record_id not in ANCHORS:
                data = {"n": chosen.randrange(9)}
                name = f"{INDEXED}/records/{record_id}"
                await world.stub.DeleteRecord(
                    record_pb2.DeleteRecordRequest(name=name, allow_missing=True)
                )
            await world.stub.UpdateRecord(
                changing(record_id, data, ["data"], allow_missing=True, parent=INDEXED)
            )

    async def read(self, world, number):
        while not self.is_over.is_set():
            assert await listed(world, INDEXED, filter='data.city = "Bonn"') == ANCHORS
            assert {*await listed(world, INDEXED, filter="data.n = 5")} >= {*ANCHORS}
            by_time = await listed(world, INDEXED, order_by="create_time")
            assert [each for each in by_time if each in ANCHORS] == ANCHORS
            self.reads[number] += 1
            self.has_read.set()

    async def outlived(self):
        """Whatever is read now has been read."""
        goal = [count + 2 for count in self.reads]
        while any(count < least for count, least in zip(self.reads, goal, strict=True)):
            self.has_read.clear()
            await self.has_read.wait()

    async def change(self, one, other, clock):
        builders = [
            Builder(world, lambda: asyncio.sleep(0.001), holder)
            for world, holder in ((one, "one"), (other, "two"))
        ]

        async def finish():
            while await builds(one):
                await asyncio.gather(*(each.run() for each in builders))
                await self.outlived()
                for builder in builders:
                    builder.clock.advance(OUTLIVED_AFTER_NS)
                clock.advance(index_builds.HELD_NS + 1)

        for _ in range(ROUNDS):
            await declare(one, "city", "n", ".create_time")
            await finish()
            assert set((await shown(other)).values()) == {READY}
            await declare(other)
            await finish()
            assert await entries(one) == []
        await declare(one, "n")
        await finish()
        self.is_over.set()


async def test_what_does_not_change_is_found_at_every_moment(store, clock):
    async with World.open(store, clock) as one, World.open(store, clock) as other:
        await one.collection("indexed")
        writes = [
            record_pb2.RecordWrite(create=creation(each, {"n": 5, "city": "Bonn"}, INDEXED))
            for each in ANCHORS
        ]
        await one.batch(*writes, parent=INDEXED)
        traffic = Traffic()
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            for number, world in enumerate((one, other)):
                group.create_task(traffic.write(world, number))
                group.create_task(traffic.read(world, number))
            group.create_task(traffic.change(one, other, clock))
        assert await entries(one) == await expected_entries(one, "n")


@pytest.fixture
def url(request, store):
    if isinstance(store, FileStore):
        return f"sqlite:///{store.folder}/blrcs.db"
    name = request.node.callspec.params["store"]
    if name == "postgresql":
        return request.getfixturevalue("postgresql_services")
    return request.getfixturevalue("mariadb_server").url()


@pytest.mark.parametrize("at", [1, 2, 6])
async def test_what_was_killed_amid_a_step_is_gone_on_with(store, clock, url, at):
    async with World.open(store, clock) as world:
        await Twins.made(world, 40)
        await declare(world, "city", "n")
        child = subprocess.run(  # noqa: ASYNC221 - nothing else is to be done meanwhile
            [sys.executable, str(PROGRAM), url, str(at), str(clock())],
            check=False,
            timeout=TIMEOUT_S,
        )
        assert child.returncode == -signal.SIGKILL
        whole_steps = at - 1
        (left,) = await builds(world)
        assert left.after_id == (f"r{7 * whole_steps - 1:04}" if whole_steps else "")
        clock.advance(index_builds.HELD_NS + 1)
        builder = Builder(world)
        await builder.run()
        assert builder.steps == 6 - whole_steps
        assert await entries(world) == await expected_entries(world, "city", "n")
        assert await shown(world) == {"city": READY, "n": READY}


async def test_servers_of_before_write_nothing_that_an_index_would_miss(world):
    await Twins.made(world, 20)

    async def is_taken_for_another():
        stored = await SqlCollectionRepository(world.database).get(KEY)
        return (await feed(world)).revision != stored.revision

    builder = Builder(world)
    await declare(world, "n")
    assert await is_taken_for_another()
    await builder.run()
    assert not await is_taken_for_another()
    await declare(world)
    assert await is_taken_for_another()
    await builder.run()
    builder.clock.advance(OUTLIVED_AFTER_NS)
    await builder.run()
    assert not await is_taken_for_another()


@pytest.mark.parametrize("is_declared_again", [False, True])
async def test_what_servers_of_before_write_once_they_have_changed_a_collection_is_found(
    world, is_declared_again
):
    await Twins.made(world, 20)
    builder = Builder(world)
    await declare(world, "city")
    await builder.run()
    await declare(world, ".create_time")
    assert await builder.step(KEY)

    stored = await SqlCollectionRepository(world.database).get(KEY)
    for statement in _REVISE:
        await world.database.execute(statement, new=stored.revision + 1)
    await world.database.execute(_CHANGE, of_id="r0001")
    await world.database.execute(_DELETE, of_id="r0002")

    paths = [".create_time"]
    if is_declared_again:
        paths = ["city", ".create_time"]
        assert await declare(world, *paths) == dict.fromkeys(paths, BUILDING)
    # The server that has deleted it has left its entries.
    await world.create("r0002", {"n": 8}, parent=INDEXED)
    await builder.run()
    assert await shown(world) == dict.fromkeys(paths, READY)
    assert await entries(world) == await expected_entries(world, *paths)
    assert await builds(world) == []


async def test_a_replica_is_asked_by_an_index_only_when_it_has_all_of_it(tmp_path, clock):
    """The replica is a database of its own that is never changed again."""
    folders = [tmp_path / name for name in ("primary", "replica")]
    for folder in folders:
        folder.mkdir()
    primary, replica = map(FileStore, folders)
    async with World.open(primary, clock) as world:
        await Twins.made(world, 10)
    (folders[1] / "blrcs.db").write_bytes((folders[0] / "blrcs.db").read_bytes())
    async with World.open(primary, clock) as world, replica.open() as (stale, _):
        await declare(world, "n")
        await Builder(world).run()
        collection = await SqlCollectionRepository(world.database).get(KEY)
        lag_ns = 10_000_000_000
        repository = SqlRecordRepository(
            _Replicated(world.database, stale), replica_max_lag_ns=lag_ns
        )
        selection = Selection(parse_filter("data.n = 3"), parse_order_by(""))

        async def found(now_ns):
            page = await repository.page(
                collection, selection, position=None, limit=9, now_ns=now_ns
            )
            count = await repository.count(collection, selection.filter_, now_ns=now_ns)
            assert len(page) == count
            return count

        ready_ns = collection.update_time_ns
        assert await found(ready_ns + lag_ns + CLOCKS_AGREE_NS) > 0
        # By then a replica that is asked is as new as that; this one is not, and is asked.
        assert await found(ready_ns + lag_ns + CLOCKS_AGREE_NS + 1) == 0


class _Replicated:
    """A database, and another one for what may be stale."""

    def __init__(self, primary, stale):
        self.stale = stale
        self._primary = primary

    def __getattr__(self, name):
        return getattr(self._primary, name)
