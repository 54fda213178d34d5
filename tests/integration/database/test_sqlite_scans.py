"""Statements that no index answers do not hold up the loop."""

import asyncio

import pytest
import sqlalchemy as sa

from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement
from blrcs.database.tables import settings
from blrcs.domain.errors import DomainError


def counting(until=None):
    """A statement that counts, without an end where there is none."""
    numbers = sa.select(sa.literal(1).label("n")).cte(recursive=True)
    following = sa.select(numbers.c.n + 1)
    if until is not None:
        following = following.where(numbers.c.n < sa.bindparam("until"))
    numbers = numbers.union_all(following)
    return Statement(sa.select(sa.func.count().label("count")).select_from(numbers), is_scan=True)


POINT = Statement(sa.select(settings.c.key).where(settings.c.key == sa.bindparam("of_key")))
ADD = Statement(sa.insert(settings))
SCAN = Statement(sa.select(settings.c.key), is_scan=True)
FOR_EVER = counting()


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "blrcs.db"
    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        yield database


async def test_all_rows_come_back_and_the_last_write_is_among_them(database):
    assert (await database.fetch_one(counting(until=True), until=1000)).count == 1000
    assert await database.fetch_all(SCAN) == []
    assert await database.fetch_one(SCAN) is None
    for number in range(20):
        await database.execute(ADD, key=f"k{number}", value=b"")
        assert len(await database.fetch_all(SCAN)) == number + 1


async def test_others_are_served_while_one_goes_on_and_its_end_is_that_of_its_caller(database):
    scans = [asyncio.ensure_future(database.fetch_one(FOR_EVER)) for _ in range(3)]
    await database.execute(ADD, key="k", value=b"")
    assert await database.fetch_one(POINT, of_key="k")
    assert len(await database.fetch_all(SCAN)) == 1
    assert not any(scan.done() for scan in scans)
    running = list(database._scans._running.values())
    for scan in scans:
        scan.cancel()
    ended = await asyncio.gather(*scans, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
    await asyncio.wait(running)
    assert len(database._scans._idle) == 4
    assert len(await database.fetch_all(SCAN)) == 1


async def test_more_than_there_are_threads_wait_their_turn(database):
    statement = counting(until=True)
    found = await asyncio.gather(
        *(database.fetch_one(statement, until=1000 + number) for number in range(20))
    )
    assert [each.count for each in found] == list(range(1000, 1020))


async def test_closing_ends_what_runs(tmp_path):
    adapter = SqliteAdapter.open(tmp_path / "blrcs.db")
    scans = [asyncio.ensure_future(adapter.fetch_one(FOR_EVER)) for _ in range(6)]
    await asyncio.sleep(0)
    await adapter.close()
    for each in await asyncio.gather(*scans, return_exceptions=True):
        assert each is None or isinstance(each, DomainError)
    with pytest.raises(DomainError):
        await adapter.fetch_all(SCAN)


async def test_a_scan_writes_nothing(database):
    writing = Statement(sa.insert(settings).returning(settings.c.key), is_scan=True)
    with pytest.raises(Exception, match="readonly"):
        await database.fetch_all(writing, key="k", value=b"")
    assert await database.fetch_all(SCAN) == []
