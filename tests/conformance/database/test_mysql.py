"""MySQL's adapter against the suite, on MariaDB, and what it alone promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncmy
import pytest
import sqlalchemy as sa

from blrcs.database.adapter import Isolation, Transaction
from blrcs.database.errors import IntegrityViolationError, SerializationError
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.mysql.connection import KEPT_STATEMENTS
from blrcs.database.pool import PoolLimits
from blrcs.database.statement import Statement
from blrcs.testing.database import (
    ADD,
    ALL,
    BY_ID,
    COUNT,
    SET_PAGES,
    DatabaseConformance,
    book,
    one,
)
from tests.servers.mariadb import QUICK, MariadbServer, mariadb

Root = Callable[[str], Awaitable[tuple[Any, ...]]]

CONNECTIONS = "SELECT id FROM information_schema.processlist WHERE user = 'blrcs'"
PREPARED = (
    "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'prepared_stmt_count'"
)
MAX_PACKET_BYTES = 1024 * 1024
HARD_TEXTS = [
    "nul \0 in it",
    "\\",
    "ends with \\'",
    "\\0\\n\\Z\\%\\_",
    "%s %(id)s %% ? :id",
    "''\"``",
    "\x1a\x08\x7f",
    "0x27 _binary'x' /*!99999 ' */ -- #",
    "\u00bf\u0027 \u4e5c \U0001f600\u0301",
    "a ",
]


@pytest.fixture(scope="session")
def server() -> Iterator[MariadbServer]:
    """A server for all tests of this file."""
    with mariadb(QUICK | {"max-allowed-packet": str(MAX_PACKET_BYTES)}) as server:
        yield server


@pytest.fixture
async def root(server: MariadbServer) -> AsyncIterator[Root]:
    """Runs what the server's owner asks, and returns the rows."""

    async def ask(sql: str) -> tuple[Any, ...]:
        connection = await asyncmy.connect(user="root", unix_socket=str(server.socket))
        async with connection, connection.cursor() as cursor:
            await cursor.execute(sql)
            return tuple(await cursor.fetchall())

    return ask


class TestMysql(DatabaseConformance):
    @pytest.fixture
    async def database(self, server: MariadbServer) -> AsyncIterator[MysqlAdapter]:
        async with await MysqlAdapter.open(server.url(), lock_timeout_s=1) as database:
            yield database

    # Values ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
    async def test_hard_text_is_what_it_was(self, database: MysqlAdapter, text: str) -> None:
        octets = text.encode()
        await database.execute(ADD, **book(text, title=text, cover=octets))
        await database.execute_many(ADD, [book(f"{n}{text}", title=text) for n in range(5)])
        row = await one(database, BY_ID, book=text)
        assert (row.id, row.title, row.cover) == (text, text, octets)
        assert [row.title for row in await database.fetch_all(ALL)] == [text] * 6

    async def test_a_statement_amid_a_stream_is_refused(self, database: MysqlAdapter) -> None:
        await database.execute_many(ADD, [book(f"{number:04}") for number in range(1000)])
        async with database.transaction() as transaction:
            async for _ in transaction.stream(ALL):
                with pytest.raises(RuntimeError, match="still to be read"):
                    await transaction.fetch_all(ALL)
            await transaction.execute(ADD, **book("new"))

    async def test_a_stream_that_nobody_reads_on_is_not_taken_in(
        self, database: MysqlAdapter
    ) -> None:
        """Or the driver would keep all rows until they are asked for."""
        await database.execute_many(
            ADD, [book(f"{number}", title="x" * 500_000) for number in range(40)]
        )
        async with database.transaction(read_only=True) as transaction:
            count = 0
            async for _ in transaction.stream(ALL):
                for _ in range(100):
                    await asyncio.sleep(0)
                count += 1
                kept = transaction._connection._driver._proto
                assert kept.length < 4_000_000
            assert count == 40

    async def test_a_session_is_strict_and_in_utc(self, database: MysqlAdapter) -> None:
        names = ["sql_mode", "time_zone", "collation_connection", "tx_isolation", "autocommit"]
        columns = [sa.literal_column(f"@@{name}").label(name) for name in names]
        row = await one(database, Statement(sa.select(*columns)))
        assert {"STRICT_ALL_TABLES", "ONLY_FULL_GROUP_BY", "NO_ENGINE_SUBSTITUTION"} <= set(
            row.sql_mode.split(",")
        )
        assert "NO_BACKSLASH_ESCAPES" not in row.sql_mode
        assert row[1:] == ("+00:00", "utf8mb4_nopad_bin", "REPEATABLE-READ", 1)

    async def test_a_value_that_does_not_fit_is_refused(self, database: MysqlAdapter) -> None:
        with pytest.raises(Exception, match="too long"):
            await database.execute(ADD, **book("x" * 256))
        assert await database.fetch_all(ALL) == []

    @pytest.mark.parametrize("value", ["\ud800", object(), ["a"], 2**70])
    async def test_a_value_that_cannot_be_sent_costs_no_connection(
        self, database: MysqlAdapter, root: Root, value: object
    ) -> None:
        await database.check()
        before = await root(CONNECTIONS)
        with pytest.raises((TypeError, ValueError)):
            await database.fetch_one(BY_ID, book=value)
        await database.check()
        assert await root(CONNECTIONS) == before

    async def test_a_refusal_costs_no_connection(self, database: MysqlAdapter, root: Root) -> None:
        await database.execute(ADD, **book("a"))
        before = await root(CONNECTIONS)
        with pytest.raises(IntegrityViolationError):
            await database.execute(ADD, **book("a"))
        await database.check()
        assert await root(CONNECTIONS) == before

    async def test_a_value_beyond_the_largest_packet_is_told(self, database: MysqlAdapter) -> None:
        with pytest.raises(ValueError, match="max_allowed_packet"):
            await database.execute(ADD, **book("a", cover=b"x" * (2 * MAX_PACKET_BYTES)))
        await database.execute(ADD, **book("a", cover=b"x" * (MAX_PACKET_BYTES - 1000)))

    async def test_many_rows_take_more_than_one_packet(self, database: MysqlAdapter) -> None:
        rows = [book(f"{n:03}", cover=b"x" * 50_000) for n in range(100)]
        await database.execute_many(ADD, rows)
        assert (await one(database, COUNT)).count == len(rows)
        with pytest.raises(IntegrityViolationError):
            await database.execute_many(
                ADD, [book(f"new{each['id']}", cover=each["cover"]) for each in rows] + rows[-1:]
            )
        assert (await one(database, COUNT)).count == len(rows)

    async def test_many_changes_run_one_by_one(self, database: MysqlAdapter) -> None:
        await database.execute_many(ADD, [book("a"), book("b")])
        await database.execute_many(
            SET_PAGES, [{"book": "a", "new_pages": 7}, {"book": "b", "new_pages": 8}]
        )
        assert [row.pages for row in await database.fetch_all(ALL)] == [7, 8]

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"id": "taken"}, "PRIMARY"),
            ({"isbn": "taken"}, "isbn"),
            ({"shelf": "none"}, "conformance_books_ibfk_1"),
            ({"pages": None}, "pages"),
            ({"pages": -(2**63)}, "conformance_pages"),
        ],
    )
    async def test_the_constraint_is_named(
        self, database: MysqlAdapter, change: dict[str, Any], name: str
    ) -> None:
        await database.execute(ADD, **book("taken", isbn="taken"))
        with pytest.raises(IntegrityViolationError) as caught:
            await database.execute(ADD, **book("b") | change)
        assert caught.value.constraint == name

    async def test_statements_that_are_no_longer_used_are_forgotten(
        self, server: MariadbServer, root: Root
    ) -> None:
        one_only = PoolLimits(size=1, overflow=0)
        async with await MysqlAdapter.open(server.url(), one_only) as database:
            for number in range(KEPT_STATEMENTS * 2):
                label = sa.literal_column(f"{number}").label("number")
                assert (await one(database, Statement(sa.select(label)))).number == number
            ((count,),) = await root(PREPARED)
            assert int(count) <= KEPT_STATEMENTS

    # Transactions ---------------------------------------------------------------------------------

    async def test_a_deadlock_undoes_one_of_them(self, database: MysqlAdapter) -> None:
        await database.execute_many(ADD, [book("a", pages=0), book("b", pages=0)])
        both = asyncio.Barrier(2)

        async def change(first: str, second: str) -> None:
            async with database.transaction() as transaction:
                await transaction.execute(SET_PAGES, book=first, new_pages=1)
                await both.wait()
                await transaction.execute(SET_PAGES, book=second, new_pages=1)

        ends = await asyncio.gather(change("a", "b"), change("b", "a"), return_exceptions=True)
        assert [type(end) for end in ends if end is not None] == [SerializationError]
        assert [row.pages for row in await database.fetch_all(ALL)] == [1, 1]

    async def test_a_lock_waited_for_too_long_undoes_all(self, database: MysqlAdapter) -> None:
        await database.execute(ADD, **book("a"))

        async def wait_in_vain() -> None:
            async with database.transaction() as transaction:
                await transaction.execute(ADD, **book("b"))
                with pytest.raises(SerializationError):
                    await transaction.execute(SET_PAGES, book="a", new_pages=3)
                await database.execute(ADD, **book("b"))  # nothing of it stays in the way
                with pytest.raises(SerializationError):  # instead of being committed by itself
                    await transaction.execute(ADD, **book("c"))

        async with database.transaction() as holder:
            await holder.execute(SET_PAGES, book="a", new_pages=2)
            with pytest.raises(SerializationError):
                await wait_in_vain()
        assert [row.id for row in await database.fetch_all(ALL)] == ["a", "b"]

    async def test_what_a_snapshot_read_is_not_overwritten(self, database: MysqlAdapter) -> None:
        await database.execute(ADD, **book("a", pages=0))

        async def increment() -> None:
            async with database.transaction() as transaction:
                row = await one(transaction, BY_ID, book="a")
                await database.execute(SET_PAGES, book="a", new_pages=5)
                await transaction.execute(SET_PAGES, book="a", new_pages=row.pages + 1)

        with pytest.raises(SerializationError):
            await increment()
        assert (await one(database, BY_ID, book="a")).pages == 5

    async def test_a_reader_sees_the_moment_at_which_it_began(self, database: MysqlAdapter) -> None:
        async with database.transaction(read_only=True) as transaction:
            await database.execute(ADD, **book("a"))
            assert await transaction.fetch_all(ALL) == []

    async def test_read_committed_sees_what_others_commit(self, database: MysqlAdapter) -> None:
        async with database.transaction(isolation=Isolation.READ_COMMITTED) as transaction:
            assert await transaction.fetch_all(ALL) == []
            await database.execute(ADD, **book("a"))
            assert len(await transaction.fetch_all(ALL)) == 1

    async def test_a_part_whose_time_runs_out_is_undone_alone(self, database: MysqlAdapter) -> None:
        async def dawdle(transaction: Transaction) -> None:
            async with (
                asyncio.timeout(None) as timeout,
                transaction.savepoint(),
                transaction.savepoint(),
            ):
                await transaction.execute(ADD, **book("b"))
                timeout.reschedule(0)
                await asyncio.Event().wait()

        async with database.transaction() as transaction:
            await transaction.execute(ADD, **book("a"))
            with pytest.raises(TimeoutError):
                await dawdle(transaction)
            await transaction.execute(ADD, **book("c"))
        assert [row.id for row in await database.fetch_all(ALL)] == ["a", "c"]
