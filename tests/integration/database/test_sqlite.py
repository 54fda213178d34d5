import asyncio
import sqlite3

import pytest
import sqlalchemy as sa

from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import service_accounts, settings
from blrcs.domain.errors import UnavailableError

ADD = Statement(sa.insert(settings))
LOAD = insert_into(settings)
SET = Statement(
    sa.update(settings)
    .values(value=sa.bindparam("new"))
    .where(settings.c.key == sa.bindparam("name"))
)
GET = Statement(sa.select(settings).where(settings.c.key == sa.bindparam("name")))
KEYS = Statement(sa.select(settings.c.key).order_by(settings.c.key))
ADD_ACCOUNT = Statement(sa.insert(service_accounts))


def add(key, value=b"v"):
    return lambda transaction: transaction.execute(ADD, key=key, value=value)


def keys(database):
    return [row.key for row in database.fetch_all(KEYS)]


async def test_an_acknowledged_write_is_visible_to_the_next_read(database):
    for n in range(20):
        await database.write(add(f"{n:02}", bytes([n])))
        assert database.fetch_one(GET, name=f"{n:02}").value == bytes([n])


async def test_reads_do_not_see_what_is_not_committed(database):
    seen = []

    def operation(transaction):
        transaction.execute(ADD, key="a", value=b"")
        loop.call_soon_threadsafe(lambda: (seen.append(keys(database)), looked.set()))
        asyncio.run_coroutine_threadsafe(looked.wait(), loop).result(30)

    loop, looked = asyncio.get_running_loop(), asyncio.Event()
    await database.write(operation)

    assert seen == [[]]
    assert keys(database) == ["a"]


async def test_a_read_leaves_no_snapshot_behind(database):
    await database.write(add("a"))
    await database.write(add("b"))
    row = database.fetch_one(KEYS)  # there is a second row, which nobody fetches
    await database.write(lambda transaction: transaction.execute(SET, name="a", new=b"2"))

    assert row.key == "a"
    assert database.fetch_one(GET, name="a").value == b"2"


async def test_what_was_acknowledged_is_there_after_reopening(path):
    async with SqliteDatabase.open(path) as database:
        await asyncio.gather(*(database.write(add(f"{n:03}")) for n in range(300)))

    async with SqliteDatabase.open(path) as database:
        assert keys(database) == [f"{n:03}" for n in range(300)]


async def test_one_conflict_among_many_undoes_itself_alone(database):
    def twice(transaction):
        transaction.execute(ADD, key="half", value=b"")
        transaction.execute(ADD, key="000", value=b"")

    writes = [database.write(add(f"{n:03}")) for n in range(50)]
    *done, conflict = await asyncio.gather(*writes, database.write(twice), return_exceptions=True)

    assert done == [1] * 50
    assert isinstance(conflict, sqlite3.IntegrityError)
    assert keys(database) == [f"{n:03}" for n in range(50)]


async def test_closing_keeps_the_writes_that_wait(path):
    database = SqliteDatabase.open(path, group_size=3)
    writes = [asyncio.ensure_future(database.write(add(f"{n:02}"))) for n in range(30)]
    await asyncio.sleep(0)
    await database.close()

    assert await asyncio.gather(*writes) == [1] * 30
    with pytest.raises(UnavailableError):
        await database.write(add("late"))
    async with SqliteDatabase.open(path) as database:
        assert len(keys(database)) == 30


async def test_closing_leaves_files_readable_by_their_owner_alone(path):
    async with SqliteDatabase.open(path) as database:
        await database.write(add("a"))
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}

    files = ("blrcs.db", "blrcs.db-wal", "blrcs.db-shm", "blrcs.db-turn")
    assert modes == dict.fromkeys(files, 0o600)
    # Whoever drops the file of locks may drop it from under another one.
    assert {each.name: each.stat().st_size for each in path.parent.iterdir() if each != path} == {
        "blrcs.db-turn": 0
    }


async def test_a_write_by_way_of_a_read_is_refused(database):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.fetch_all(ADD, key="a", value=b"")


def pragma(connection, name):
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_both_connections_are_safe_and_durable(database):
    reader = database._reader
    writer = database._writer._connection

    for connection in (reader, writer):
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "synchronous") == 2  # FULL
        assert pragma(connection, "foreign_keys") == 1
        assert pragma(connection, "trusted_schema") == 0
        assert pragma(connection, "busy_timeout") == 5000
    assert pragma(reader, "query_only") == 1
    assert pragma(writer, "query_only") == 0


@pytest.mark.parametrize("wrong", [{"disabled": 2}, {"display_name": None}, {"revision": "x"}])
async def test_tables_refuse_what_does_not_fit(database, wrong):
    account = {
        "id": "ci",
        "display_name": "CI",
        "disabled": False,
        "token_generation": 0,
        "created_at_ns": 1,
        "updated_at_ns": 1,
        "revision": 1,
    }
    await database.write(lambda transaction: transaction.execute(ADD_ACCOUNT, **account))

    with pytest.raises(sqlite3.IntegrityError):
        await database.write(
            lambda transaction: transaction.execute(ADD_ACCOUNT, **account | {"id": "b"} | wrong)
        )


async def test_a_lock_by_another_process_is_told_as_unavailable(path):
    async with SqliteDatabase.open(path, busy_timeout_ms=10) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError):
            await database.write(add("a"))
        assert keys(database) == []
        other.execute("ROLLBACK")
        other.close()

        assert await database.write(add("a")) == 1


async def test_a_file_that_may_not_grow_fails_the_write_and_keeps_the_rest(database):
    await database.write(add("a"))
    writer = database._writer._connection
    writer.execute(f"PRAGMA max_page_count={pragma(writer, 'page_count')}")

    outcomes = await asyncio.gather(
        database.write(add("big", bytes(1_000_000))),
        database.write(lambda transaction: transaction.execute(SET, name="a", new=b"2")),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], UnavailableError)
    assert keys(database) == ["a"]
    # SQLite may undo the one statement or the whole transaction: what was told must be so.
    told = b"2" if outcomes[1] == 1 else b"v"
    assert database.fetch_one(GET, name="a").value == told
    writer.execute("PRAGMA max_page_count=1073741823")
    assert await database.write(add("b")) == 1


@pytest.mark.parametrize(
    "columns",
    [
        [sa.Column(f"c{number}", sa.Text) for number in range(64)],
        [sa.Column(f"c{number}", sa.Text) for number in range(65)],
        [sa.Column("from", sa.Text, key="origin"), sa.Column("id", sa.Text)],
    ],
    ids=["most", "more", "by-key"],
)
async def test_rows_are_loaded_into_any_table(database, columns):
    table = sa.Table("wide", sa.MetaData(), *columns)
    load = insert_into(table)
    rows = [[f"{row}.{place}" for place in range(len(columns))] for row in range(3)]

    def operation(transaction):
        transaction.define([str(sa.schema.CreateTable(table))])
        transaction.execute_many(load, [dict(zip(table.columns.keys(), rows[0], strict=True))])
        transaction.execute_many(load, [tuple(row) for row in rows[:2]])
        transaction.execute_columns(load, [list(each) for each in zip(*rows, strict=True)])

    await database.write(operation)
    loaded = database.fetch_all(Statement(sa.select(table)))
    assert [list(row) for row in loaded] == [rows[0], *rows[:2], *rows]


async def test_what_a_group_of_batches_changes_is_not_written_before_its_commit(path):
    log = path.with_name(f"{path.name}-wal")
    rows = [{"key": f"{number:05}", "value": bytes(1000)} for number in range(5000)]
    sizes = []

    def operation(transaction):
        transaction.execute_many(LOAD, rows)
        sizes.append(log.stat().st_size)

    async with SqliteDatabase.open(path) as database:
        await database.write(add("first"))
        before = log.stat().st_size
        await database.write(operation)
        assert sizes == [before]
        assert log.stat().st_size > 5_000_000
