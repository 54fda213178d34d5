"""The log of slow statements on each database, with plans and hints."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.kind import open_database
from blrcs.database.pool import PoolLimits, Unobserved
from blrcs.database.slow_log.entry import SlowEntry
from blrcs.database.slow_log.file import SlowLogFile
from blrcs.database.slow_log.log import SlowLog
from blrcs.database.slow_log.watched import WatchedDatabase, WatchedReader, noting_waits
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER

SECRET = "s3cr3t"
SECRET_NUMBER = 4711_4711
books = sa.Table(
    "books",
    sa.MetaData(),
    sa.Column("id", KEY, primary_key=True),
    sa.Column("title", KEY, nullable=False),
    sa.Column("pages", NUMBER, nullable=False),
    sa.Column("shelf", KEY, nullable=False, index=True),
)
ADD = Statement(sa.insert(books))
BY_ID = Statement(sa.select(books).where(books.c.id == sa.bindparam("book")))
BY_SHELF = Statement(sa.select(books).where(books.c.shelf == sa.bindparam("place")))
SHELF_BY_TITLE = Statement(
    sa.select(books)
    .where(books.c.shelf == sa.bindparam("place"))
    .order_by(books.c.title.desc(), books.c.id)
)
BY_KEY_IN_ORDER = Statement(sa.select(books).order_by(books.c.id))
BY_TITLE = Statement(
    sa.select(books.c.id).where(
        books.c.title == sa.bindparam("wanted"), books.c.pages > sa.bindparam("least")
    )
)
ALIAS = books.alias("b")
BY_ALIAS = Statement(sa.select(ALIAS.c.id).where(ALIAS.c.title == sa.bindparam("wanted")))
ALL = Statement(sa.select(books))
RENAME = Statement(
    sa.update(books).where(books.c.id == sa.bindparam("book")).values(title=sa.bindparam("new"))
)


class Watched:
    """A database that takes every statement for slow, and what it has written down."""

    def __init__(
        self, database: DatabaseAdapter, reader: WatchedReader, log: SlowLog, file: SlowLogFile
    ) -> None:
        self.database = WatchedDatabase(database, log)
        self.reader = reader
        self.log = log
        self.file = file

    async def entries(self, count: int) -> list[SlowEntry]:
        """All, when there are so many."""
        async with asyncio.timeout(30):
            while len(found := list(self.file.entries())) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(found) == count
        return found


@pytest.fixture
async def watched(empty_url: str, tmp_path: Path, ticks: Any) -> AsyncIterator[Watched]:
    limits = PoolLimits(size=1, overflow=1, linger_s=0)
    opening = open_database(
        empty_url, migrate=False, limits=limits, observer=noting_waits(Unobserved())
    )
    async with opening as (database, reader):
        await database.define(CreateTable(books))
        for index in books.indexes:
            await database.define(sa.schema.CreateIndex(index))
        rows = [
            {"id": f"{n}", "title": f"t{n}", "pages": n, "shelf": f"{n % 50}"} for n in range(3000)
        ]
        await database.execute_many(ADD, rows)
        file = SlowLogFile(tmp_path / "slow")
        log = SlowLog(database, file, least_ns=0, monotonic=ticks)
        async with log.running():
            yield Watched(database, WatchedReader(reader, log), log, file)


@pytest.fixture
def ticks() -> Callable[[], int]:
    """A clock by which everything is minutes apart, so that nothing is too much."""
    numbers = iter(range(0, 1 << 62, 61_000_000_000))
    return lambda: next(numbers)


async def test_an_entry_says_what_and_how_long_and_for_whom(watched: Watched) -> None:
    async def look_for_a_title() -> None:
        await watched.database.fetch_all(BY_TITLE, wanted=SECRET, least=SECRET_NUMBER)

    before_ns = time.time_ns()
    await look_for_a_title()
    (entry,) = await watched.entries(1)
    assert entry.sql == BY_TITLE.compiled(watched.database.dialect).sql
    assert entry.rows == 0
    assert before_ns <= entry.at_ns <= time.time_ns()
    assert 0 < entry.duration_ns < 60_000_000_000
    assert entry.waited_ns == 0
    first, second, *_ = entry.caller.split(" < ")
    assert first.endswith("look_for_a_title")
    assert second.endswith("test_an_entry_says_what_and_how_long_and_for_whom")


async def test_a_filter_without_an_index_gives_a_hint(watched: Watched) -> None:
    await watched.database.fetch_all(BY_TITLE, wanted=SECRET, least=SECRET_NUMBER)
    await watched.database.fetch_all(BY_ALIAS, wanted=SECRET)
    first, second = await watched.entries(2)
    assert first.hint == (
        "no index serves the filter on books (title, pages): the whole table is read"
    )
    assert second.hint == "no index serves the filter on books (title): the whole table is read"
    assert first.plan is not None
    assert "books" in first.plan


async def test_an_order_that_no_index_has_gives_a_hint(watched: Watched) -> None:
    await watched.database.fetch_all(SHELF_BY_TITLE, place="7")
    await watched.database.fetch_all(BY_KEY_IN_ORDER)
    first, second = await watched.entries(2)
    assert first.hint == (
        "no index has the order of books (title, id): all that the filter lets pass is sorted"
    )
    assert second.hint is None


async def test_what_an_index_serves_or_nothing_filters_gives_none(watched: Watched) -> None:
    await watched.database.fetch_one(BY_ID, book="7")
    await watched.database.fetch_all(BY_SHELF, place="7")
    await watched.database.fetch_all(ALL)
    entries = await watched.entries(3)
    assert [each.hint for each in entries] == [None] * 3
    assert all(each.plan for each in entries)
    assert [each.rows for each in entries] == [1, 60, 3000]


async def test_no_value_is_written_down(watched: Watched) -> None:
    await watched.database.fetch_all(BY_TITLE, wanted=SECRET, least=SECRET_NUMBER)
    await watched.database.execute(RENAME, book=SECRET, new=SECRET)
    await watched.database.execute_many(
        ADD, [{"id": SECRET, "title": SECRET, "pages": SECRET_NUMBER, "shelf": SECRET}]
    )
    await watched.entries(3)
    text = watched.file.path.read_text()
    assert SECRET not in text
    assert str(SECRET_NUMBER) not in text


async def test_changes_have_no_plan(watched: Watched) -> None:
    await watched.database.execute(RENAME, book="7", new="seven")
    await watched.database.execute_many(ADD, [])
    entries = await watched.entries(2)
    assert [(each.rows, each.plan) for each in entries] == [(1, None), (0, None)]


async def test_statements_of_transactions_count_too(watched: Watched) -> None:
    async def operation(transaction: Transaction) -> int:
        await transaction.execute(RENAME, book="7", new="seven")
        async with transaction.savepoint():
            return len(await transaction.fetch_all(BY_SHELF, place="7"))

    assert await watched.database.run(operation) == 60
    async with watched.database.transaction(read_only=True) as transaction:
        assert len([row async for row in transaction.stream(ALL)]) == 3000
    assert watched.reader.fetch_one(BY_ID, book="7").title == "seven"
    assert len(watched.reader.fetch_all(BY_SHELF, place="7")) == 60
    assert watched.reader.run(lambda inner: inner.fetch_one(BY_ID, book="8")).title == "t8"
    find = watched.reader.finder(BY_ID, "book")
    found = find("9")
    assert found is not None
    assert "t9" in tuple(found)
    assert find("none") is None
    entries = await watched.entries(8)
    assert [each.rows for each in entries] == [1, 60, 3000, 1, 60, 1, 1, 0]


async def test_one_that_fails_is_told_and_fails_as_ever(watched: Watched) -> None:
    with pytest.raises(IntegrityViolationError):
        await watched.database.execute(ADD, id="7", title="", pages=1, shelf="")
    (entry,) = await watched.entries(1)
    assert entry.rows is None


async def test_a_wait_for_the_pool_is_told_apart(watched: Watched, empty_url: str) -> None:
    reads = watched.database.transaction
    async with reads(read_only=True), reads(read_only=True):
        waiting = asyncio.create_task(watched.database.fetch_one(BY_ID, book="7"))
        await asyncio.sleep(0)
        has_pool = not empty_url.startswith("sqlite")
        assert not (has_pool and waiting.done())
    await waiting
    (entry,) = await watched.entries(1)
    assert (entry.waited_ns > 0) is has_pool
    assert entry.waited_ns <= entry.duration_ns


async def test_what_is_quick_is_not_written_down(watched: Watched) -> None:
    watched.log.least_ns = 3_600_000_000_000
    patient = WatchedDatabase(watched.database, watched.log)
    watched.log.least_ns = 0
    patient._fetch_all = watched.database._inner.fetch_all
    patient._fetch_one = watched.database._inner.fetch_one
    await patient.fetch_all(ALL)
    with pytest.raises(TypeError):
        await patient.fetch_one(BY_ID)
    await watched.database.fetch_one(BY_ID, book="7")
    assert len(await watched.entries(1)) == 1


async def test_a_log_that_cannot_be_written_harms_nobody(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.Event()
    loop = asyncio.get_running_loop()

    def refuse(_: bytes) -> None:
        loop.call_soon_threadsafe(refused.set)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watched.file, "append", refuse)
    assert len(await watched.database.fetch_all(ALL)) == 3000
    await refused.wait()
    monkeypatch.undo()
    monkeypatch.setattr("blrcs.database.slow_log.log.callers", lambda: 1 // 0)
    assert len(await watched.database.fetch_all(ALL)) == 3000
    monkeypatch.undo()
    monkeypatch.setattr("blrcs.database.slow_log.log.ask_plan", lambda *_: 1 // 0)
    await watched.database.fetch_one(BY_ID, book="7")
    assert (await watched.entries(1))[0].plan is None
