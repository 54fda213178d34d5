"""Times that a collection has declared as indexes: lists in their order go along them."""

import math
import operator
from itertools import product

import pytest
import sqlalchemy as sa

from blrcs.database.slow_log.plan import ask_plan
from blrcs.database.statement import Statement
from blrcs.database.tables import record_index
from blrcs.v1 import record_pb2
from tests.integration.records.world import SECOND_NS, TENANT, changing, creation, seconds
from tests.unit.api.refusals import refusal

PLAIN = f"{TENANT}/collections/plain"
INDEXED = f"{TENANT}/collections/indexed"
TIMES = (".create_time", ".update_time")
ROWS = Statement(sa.select(sa.func.count().label("count")).select_from(record_index))
ORDERS = [
    f"{time}{direction}{last}"
    for time in ("create_time", "update_time")
    for direction in ("", " desc")
    for last in ("", ", name", ", name desc", ", data.n")
]
SIGNS = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MANY = 3000
SORTED = {
    "sqlite": "TEMP B-TREE",
    # Those of one instant neither, nor are they passed by one by one.
    "postgresql": "Sort",
    "mysql": "filesort",
}
ALONG = {"postgresql": "ix_record_index_order"}


def indexes(*paths):
    return [record_pb2.RecordIndex(path=path) for path in paths]


async def fill(world, clock):
    """Records that differ in their times, and many of one time, in both collections."""
    await world.collection("plain")
    await world.collection("indexed", indexes=indexes(*TIMES, "n"))
    for number in (7, 3, 9, 1, 5):
        clock.advance(SECOND_NS)
        for parent in (PLAIN, INDEXED):
            ids = [f"r{number}-{place}" for place in "cab"]
            writes = [creation(each, {"n": number}, parent) for each in ids]
            await world.batch(
                *(record_pb2.RecordWrite(create=write) for write in writes), parent=parent
            )
    for record_id in ("r3-a", "r9-c", "r3-b"):
        clock.advance(SECOND_NS)
        for parent in (PLAIN, INDEXED):
            await world.stub.UpdateRecord(changing(record_id, {"n": 0}, parent=parent))


async def listed(world, parent, page_size=1000, **fields):
    found, token = [], ""
    while True:
        request = record_pb2.ListRecordsRequest(
            parent=parent, page_size=page_size, page_token=token, **fields
        )
        page = await world.stub.ListRecords(request)
        found += [each.name.rpartition("/")[2] for each in page.records]
        token = page.next_page_token
        if not token:
            return found


def _text(time_ns):
    stamp = record_pb2.Record().create_time
    stamp.FromNanoseconds(time_ns)
    return stamp.ToJsonString()


@pytest.mark.parametrize("page_size", [2, 1000])
async def test_an_order_is_the_same_with_an_index_and_without(world, clock, page_size):
    await fill(world, clock)
    for order_by in ORDERS:
        expected = await listed(world, PLAIN, order_by=order_by)
        assert len(expected) == 15
        assert await listed(world, INDEXED, page_size, order_by=order_by) == expected, order_by
        some = {"filter": "data.n < 6", "order_by": order_by}
        expected = await listed(world, PLAIN, **some)
        assert await listed(world, INDEXED, page_size, **some) == expected, order_by


@pytest.mark.parametrize("most_named", [0, 5000])
async def test_a_filter_of_times_lets_pass_what_it_says(world, clock, monkeypatch, most_named):
    # What the index names is looked at, or the order gone along within the filter's bounds.
    monkeypatch.setattr("blrcs.database.repositories.record.MOST_NAMED", most_named)
    await fill(world, clock)
    request = record_pb2.ListRecordsRequest(parent=INDEXED, page_size=1000)
    page = await world.stub.ListRecords(request)
    times = {
        each.name.rpartition("/")[2]: each.update_time.ToNanoseconds() for each in page.records
    }
    instants = {_text(time): time for time in sorted(set(times.values()))[::2]}
    instants |= {"1700-01-01T00:00:00Z": -math.inf, "2262-04-01T00:00:00Z": math.inf}
    for (text, instant), (sign, holds) in product(instants.items(), SIGNS.items()):
        for order_by in ("", "update_time desc", "create_time"):
            fields = {"filter": f'update_time {sign} "{text}"', "order_by": order_by}
            found = await listed(world, INDEXED, 4, **fields)
            expected = [each for each, time in times.items() if holds(time, instant)]
            assert sorted(found) == sorted(expected), fields
            if order_by == "update_time desc":
                assert found == sorted(found, key=lambda each: (times[each], each), reverse=True)


@pytest.mark.parametrize("order_by", ["create_time", "update_time desc"])
async def test_a_page_goes_along_the_index(world, clock, order_by, monkeypatch):
    await world.collection("indexed", indexes=indexes(*TIMES))
    for first in range(0, MANY, 100):
        writes = [creation(f"r{number}", {}, INDEXED) for number in range(first, first + 100)]
        await world.batch(
            *(record_pb2.RecordWrite(create=write) for write in writes), parent=INDEXED
        )
    repository = world.records.service._records.get_record._records
    asked = Asked(repository._reads)
    monkeypatch.setattr(repository, "_reads", asked)
    request = record_pb2.ListRecordsRequest(parent=INDEXED, page_size=10, order_by=order_by)
    page = await world.stub.ListRecords(request)
    request.page_token = page.next_page_token
    await world.stub.ListRecords(request)
    assert len(asked.statements) == 2
    database = repository._database
    for statement, params in asked.statements:
        assert not statement.is_scan
        plan, hint = await ask_plan(database, statement, params)
        assert ALONG.get(database.dialect.name, "ix_record_index_text") in plan
        assert SORTED[database.dialect.name] not in plan.removesuffix("FOR LAST TERM OF ORDER BY")
        assert hint is None


class Asked:
    """Reads, and what was asked of them."""

    def __init__(self, reads):
        self._reads = reads
        self.statements = []

    async def fetch_all(self, statement, **params):
        self.statements.append((statement, params))
        return await self._reads.fetch_all(statement, **params)


async def test_the_index_has_each_record_once(world, clock):
    await fill(world, clock)
    database = world.records.service._records.get_record._records._database
    await world.stub.CreateRecord(creation("short", {}, INDEXED, ttl=seconds(1)))
    assert (await database.fetch_one(ROWS)).count == 3 * 15 + 2
    clock.advance(2 * SECOND_NS)
    await world.records.purge.expired()
    assert (await database.fetch_one(ROWS)).count == 3 * 15
    name = f"{INDEXED}/records/r1-a"
    await world.stub.DeleteRecord(record_pb2.DeleteRecordRequest(name=name))
    assert (await database.fetch_one(ROWS)).count == 3 * 14


async def test_a_time_is_told_as_it_was_declared(world):
    made = await world.collection("indexed", indexes=indexes("n", *TIMES))
    assert [each.path for each in made.indexes] == ["n", *TIMES]


@pytest.mark.parametrize(
    "paths", [[".expire_time"], [".name"], [".create_time", ".create_time"], ["..create_time"]]
)
async def test_what_is_no_time_to_go_by_is_refused(world, paths):
    call = world.collection("other", indexes=indexes(*paths))
    assert (await refusal(call))[0] == "INVALID_ARGUMENT"


async def test_no_time_is_encrypted(world):
    call = world.collection("other", encrypted_fields=[".create_time"])
    assert (await refusal(call))[0] == "INVALID_ARGUMENT"


async def test_a_change_is_later_than_the_one_before_though_the_clock_is_not(world):
    created = await world.create("a", {"n": 1})
    world.clock.advance(-SECOND_NS)
    times = [created.update_time.ToNanoseconds()]
    for mask in ((), ("data.n",)):
        changed = await world.update("a", {"n": 2}, mask)
        assert changed.create_time == created.create_time
        times.append(changed.update_time.ToNanoseconds())
    write = record_pb2.RecordWrite(update=changing("a", {"n": 3}))
    times.append((await world.batch(write))[0].record.update_time.ToNanoseconds())
    assert times == sorted(set(times))
    assert (await world.get("a")).update_time.ToNanoseconds() == times[-1]
