"""SQLite's adapter against the suite, and what it alone promises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from blrcs.database.adapter import Transaction
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.lease import LeaseExpiredError
from blrcs.database.statement import Statement
from blrcs.testing.database import ADD, ALL, BY_ID, DatabaseConformance, book

SCAN = Statement(sa.select(sa.literal(1).label("one")), is_scan=True)


class TestSqlite(DatabaseConformance):
    @pytest.fixture
    async def database(self, tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
        async with SqliteAdapter.open(tmp_path / "test.db", idle_timeout_s=5) as database:
            yield database

    async def test_an_operation_waits_for_nothing_else(self, database: SqliteAdapter) -> None:
        async def operation(transaction: Transaction) -> None:
            await transaction.execute(ADD, **book("a"))
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="waits for nothing but"):
            await database.run(operation)
        assert await database.fetch_all(ALL) == []

    @pytest.mark.parametrize("read_only", [False, True])
    @pytest.mark.parametrize(
        "way", ["statement", "row", "rows", "scan", "operation", "reading", "block", "snapshot"]
    )
    async def test_an_operation_has_its_transaction_alone(
        self, database: SqliteAdapter, way: str, read_only: bool
    ) -> None:
        async def write(transaction: Transaction) -> None:
            await transaction.execute(ADD, **book("b"))

        async def read(transaction: Transaction) -> None:
            await transaction.fetch_all(ALL)

        async def operation(_: Transaction) -> None:
            if way == "statement":
                await database.execute(ADD, **book("b"))
            elif way == "row":
                await database.fetch_one(ALL)
            elif way == "rows":
                await database.fetch_all(ALL)
            elif way == "scan":
                await database.fetch_all(SCAN)
            elif way == "operation":
                await database.run(write)
            elif way == "reading":
                await database.run(read, read_only=True)
            else:
                async with database.transaction(read_only=way == "snapshot"):
                    pass

        with pytest.raises(RuntimeError, match="nothing of the database but its transaction"):
            await database.run(operation, read_only=read_only)
        await database.run(write)
        await database.run(read, read_only=True)
        assert len(await database.fetch_all(ALL)) == 1

    async def test_writes_wait_while_a_block_holds_the_writer(
        self, database: SqliteAdapter
    ) -> None:
        async with database.transaction() as transaction:
            other = asyncio.create_task(database.execute(ADD, **book("b")))
            await transaction.execute(ADD, **book("a"))
            assert not other.done()
        await other
        assert len(await database.fetch_all(ALL)) == 2

    @pytest.mark.parametrize("way", ["statement", "rows", "operation", "block"])
    async def test_a_block_does_not_wait_for_itself(
        self, database: SqliteAdapter, way: str
    ) -> None:
        async def operation(transaction: Transaction) -> None:
            await transaction.execute(ADD, **book("b"))

        async def write() -> None:
            if way == "statement":
                await database.execute(ADD, **book("b"))
            elif way == "rows":
                await database.execute_many(ADD, [book("b")])
            elif way == "operation":
                await database.run(operation)
            else:
                async with database.transaction() as inner:
                    await operation(inner)

        async with database.transaction() as transaction:
            await transaction.execute(ADD, **book("a"))
            with pytest.raises(RuntimeError, match="by its own transaction"):
                await write()
        await write()
        assert [row.id for row in await database.fetch_all(ALL)] == ["a", "b"]

    async def test_one_that_waits_for_the_writer_can_be_cancelled(
        self, database: SqliteAdapter
    ) -> None:
        async def write() -> None:
            async with database.transaction() as inner:
                await inner.execute(ADD, **book("b"))

        async with database.transaction() as transaction:
            waiting = asyncio.create_task(write())
            await transaction.execute(ADD, **book("a"))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await database.execute(ADD, **book("c"))
        assert [row.id for row in await database.fetch_all(ALL)] == ["a", "c"]

    async def test_a_block_that_does_nothing_is_undone(self, tmp_path: Path) -> None:
        path = tmp_path / "test.db"
        async with SqliteAdapter.open(path, idle_timeout_s=0.05) as database:

            async def dawdle() -> None:
                async with database.transaction() as transaction:
                    await transaction.execute(ADD, **book("a"))
                    while True:
                        await asyncio.sleep(0.1)
                        await transaction.fetch_one(BY_ID, book="a")

            with pytest.raises(LeaseExpiredError):
                await dawdle()
            assert await database.fetch_all(ALL) == []
