"""Collections whose indexes change, beside one that has none and the same records."""

import random

import sqlalchemy as sa
from google.protobuf.field_mask_pb2 import FieldMask

from blrcs.application.collections.build_indexes import BuildIndexes
from blrcs.database.repositories.index_builds import SqlIndexBuilds
from blrcs.database.repositories.record_index import index_rows
from blrcs.database.repositories.record_row import record_from_row
from blrcs.database.statement import Statement
from blrcs.database.tables import index_builds, record_feeds, record_index, records
from blrcs.v1 import record_pb2
from tests.integration.records.world import TENANT, changing, creation, name_of
from tests.unit.application.identity_fakes import FakeClock

PLAIN = f"{TENANT}/collections/plain"
INDEXED = f"{TENANT}/collections/indexed"
BUILDING, READY = record_pb2.RecordIndex.STATE_BUILDING, record_pb2.RecordIndex.STATE_READY
PATHS = ("city", "n", ".update_time")
FILTERS = [
    'data.city = "Bonn"',
    'data.city = "B*" AND data.n > 3',
    "data.n >= 2 AND data.n < 7",
    "data.n = 3",
    'data.city > "C" OR data.n = 1',
    'data.n != 3 AND data.city = "Essen"',
]
ORDERS = ["update_time", "update_time desc", "data.n desc", ""]
CITIES = ["Bonn", "Berlin", "Essen", "Aachen", 7, None]

_OF_INDEXED = "indexed"
_RECORDS = Statement(sa.select(records).where(records.c.collection == _OF_INDEXED))
_ENTRIES = Statement(sa.select(record_index).where(record_index.c.collection == _OF_INDEXED))
_BUILDS = Statement(sa.select(index_builds))
_FEED = Statement(sa.select(record_feeds).where(record_feeds.c.collection == _OF_INDEXED))


def document(chosen, number):
    data = {"n": number % 9, "city": chosen.choice(CITIES)}
    return {name: value for name, value in data.items() if chosen.random() < 0.9}


class Twins:
    """A collection with indexes and one without, in which the same is written."""

    def __init__(self, world, seed=7):
        self.world = world
        self._chosen = random.Random(seed)
        self._count = 0

    @classmethod
    async def made(cls, world, count, **fields):
        await world.collection("plain")
        await world.collection("indexed", **fields)
        twins = cls(world)
        await twins.add(count)
        return twins

    async def add(self, count):
        made = [document(self._chosen, self._count + each) for each in range(count)]
        for parent in (PLAIN, INDEXED):
            writes = [
                record_pb2.RecordWrite(create=creation(f"r{self._count + at:04}", data, parent))
                for at, data in enumerate(made)
            ]
            await self.world.batch(*writes, parent=parent, paths=["name"])
        self._count += count

    async def write(self):
        """Something, to both."""
        kind = self._chosen.choice(["create", "batch", "update", "replace", "delete"])
        record_id = f"r{self._chosen.randrange(self._count):04}"
        data = document(self._chosen, self._chosen.randrange(99))
        stub = self.world.stub
        if kind == "batch":
            await self.add(2)
            return
        for parent in (PLAIN, INDEXED):
            if kind == "create":
                await stub.CreateRecord(creation(f"s{record_id}{self._count}", data, parent))
            elif kind == "delete":
                name = name_of(record_id, parent)
                await stub.DeleteRecord(
                    record_pb2.DeleteRecordRequest(name=name, allow_missing=True)
                )
            else:
                mask = ["data"] if kind == "replace" else ["data.city"]
                await stub.UpdateRecord(
                    changing(record_id, data, mask, allow_missing=True, parent=parent)
                )
        self._count += kind == "create"

    async def require_same(self):
        """Whatever is asked is answered alike."""
        for filter_ in FILTERS:
            for order_by in ORDERS:
                asked = {"filter": filter_, "order_by": order_by}
                found = [await listed(self.world, each, **asked) for each in (PLAIN, INDEXED)]
                assert found[0] == found[1], asked
            counts = [
                (
                    await self.world.stub.CountRecords(
                        record_pb2.CountRecordsRequest(parent=parent, filter=filter_)
                    )
                ).count
                for parent in (PLAIN, INDEXED)
            ]
            assert counts[0] == counts[1], filter_
        for order_by in ORDERS:
            found = [await listed(self.world, each, order_by=order_by) for each in (PLAIN, INDEXED)]
            assert found[0] == found[1], order_by


async def listed(world, parent, **fields):
    request = record_pb2.ListRecordsRequest(parent=parent, page_size=1000, **fields)
    page = await world.stub.ListRecords(request)
    return [each.name.rpartition("/")[2] for each in page.records]


async def declare(world, *paths, etag=""):
    indexes = [record_pb2.RecordIndex(path=path) for path in paths]
    request = record_pb2.UpdateCollectionRequest(
        collection=record_pb2.Collection(name=INDEXED, indexes=indexes, etag=etag),
        update_mask=FieldMask(paths=["indexes"]),
    )
    return states(await world.stub.UpdateCollection(request))


async def shown(world):
    request = record_pb2.GetCollectionRequest(name=INDEXED)
    return states(await world.stub.GetCollection(request))


def states(collection):
    return {index.path: index.state for index in collection.indexes}


class Builder:
    """Builds and drops as one process does, with a clock of its own; ``between`` two steps."""

    def __init__(self, world, between=None, holder="one"):
        self.clock = FakeClock(0)
        self.steps = 0
        self._between = between
        self._build = BuildIndexes(
            builds=SqlIndexBuilds(world.database, world.clock),
            holder=holder,
            monotonic=self.clock,
            sleep=self._rest,
        )

    async def run(self):
        await self._build()

    async def step(self, key):
        return await self._build._step(key)

    async def _rest(self, span_s):
        assert span_s == 0
        self.steps += 1
        if self._between is not None:
            await self._between()


def _entry(row):
    return row["record_id"], row["path_id"], row["text_value"], row["number_value"]


async def entries(world):
    rows = await world.database.fetch_all(_ENTRIES)
    return sorted(map(repr, (tuple(row)[2:] for row in rows)))


async def expected_entries(world, *paths):
    rows = await world.database.fetch_all(_RECORDS)
    found = (each for row in rows for each in index_rows(record_from_row(row), paths))
    return sorted(map(repr, map(_entry, found)))


async def builds(world):
    return await world.database.fetch_all(_BUILDS)


async def feed(world):
    return await world.database.fetch_one(_FEED)
