"""PostgreSQL's adapter against the suite, and what it alone promises."""

import asyncio
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from blrcs.database.adapter import Isolation, Transaction
from blrcs.database.errors import IntegrityViolationError, SerializationError
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.connection import PREPARED_STATEMENTS
from blrcs.database.statement import Statement
from blrcs.domain.errors import InvalidArgumentError, UnavailableError
from blrcs.testing.database import DatabaseConformance
from tests.conformance.database.postgresql.bank import (
    ADD,
    ADD_OWNED,
    ALL,
    BACKEND,
    PREPARED,
    SET,
    SLEEP,
    TOTAL,
)
from tests.servers.postgresql import PostgresqlServer


class TestPostgresql(DatabaseConformance):
    @pytest.fixture
    async def database(self, database: PostgresqlAdapter) -> PostgresqlAdapter:
        return database


class TestStatements:
    async def test_one_is_prepared_once(self, one: PostgresqlAdapter) -> None:
        await one.fetch_one(PREPARED)
        before = (await one.fetch_one(PREPARED)).count
        for number in range(3):
            await one.execute(ADD, id=f"{number}", balance=number)
        assert (await one.fetch_one(PREPARED)).count == before + 1

    async def test_those_that_are_held_are_bounded(self, one: PostgresqlAdapter) -> None:
        for number in range(300):
            name = f"value_{number}"
            await one.fetch_one(Statement(sa.select(sa.literal("x").label(name))))
        assert (await one.fetch_one(PREPARED)).count <= PREPARED_STATEMENTS

    async def test_one_is_prepared_again_after_the_table_changed(
        self, one: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        await one.execute(ADD, id="a", balance=1)
        assert await one.fetch_all(ALL) == [("a", 1)]
        await admin.execute("ALTER TABLE accounts ALTER balance TYPE integer")
        assert await one.fetch_all(ALL) == [("a", 1)]

    async def test_a_transaction_after_the_table_changed_is_run_again(
        self, one: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        await one.fetch_all(ALL)
        await admin.execute("ALTER TABLE accounts ALTER balance TYPE integer")

        async def operation(transaction: Transaction) -> list[Any]:
            await transaction.execute(ADD, id="a", balance=1)
            return await transaction.fetch_all(ALL)

        assert await one.run(operation) == [("a", 1)]

    async def test_a_mistake_in_the_program_stays_what_it_is(self, one: PostgresqlAdapter) -> None:
        missing = sa.select(sa.column("x")).select_from(sa.table("missing"))
        with pytest.raises(asyncpg.UndefinedTableError):
            await one.fetch_all(Statement(missing))
        with pytest.raises(asyncpg.DataError):
            await one.execute(ADD, id="a", balance="much")
        await one.execute(ADD, id="a", balance=1)

    async def test_a_text_that_it_cannot_keep_is_refused(self, one: PostgresqlAdapter) -> None:
        with pytest.raises(InvalidArgumentError, match="NUL"):
            await one.execute(ADD, id="a\0b", balance=1)
        await one.execute(ADD, id="a", balance=1)


class TestTransactions:
    async def test_a_violation_has_the_name_of_its_constraint(
        self, bank: PostgresqlAdapter
    ) -> None:
        with pytest.raises(IntegrityViolationError, match=r"^check: accounts_balance$"):
            await bank.execute(ADD, id="c", balance=-1)
        with pytest.raises(IntegrityViolationError, match=r"^unique: accounts_pkey$"):
            await bank.execute(ADD, id="a", balance=1)
        with pytest.raises(IntegrityViolationError, match=r"^not_null: accounts.balance$"):
            await bank.execute(ADD, id="c", balance=None)

    async def test_a_violation_that_the_commit_meets(self, bank: PostgresqlAdapter) -> None:
        with pytest.raises(IntegrityViolationError, match=r"^foreign_key: accounts_owner$"):
            async with bank.transaction() as transaction:
                await transaction.execute(ADD_OWNED, id="c", balance=1, owner="none")
        assert len(await bank.fetch_all(ALL)) == 2
        assert bank.connections_in_use == 0

    async def test_what_went_on_after_a_failure_is_no_success(
        self, bank: PostgresqlAdapter
    ) -> None:
        with pytest.raises(RuntimeError, match="all of it is undone"):
            async with bank.transaction() as transaction:
                await transaction.execute(ADD, id="c", balance=1)
                with pytest.raises(IntegrityViolationError):
                    await transaction.execute(ADD, id="a", balance=1)
        assert len(await bank.fetch_all(ALL)) == 2

    async def test_an_update_of_what_another_one_changed(self, bank: PostgresqlAdapter) -> None:
        with pytest.raises(SerializationError):
            async with bank.transaction() as transaction:
                await transaction.fetch_all(ALL)
                await bank.execute(SET, account="a", amount=5)
                await transaction.execute(SET, account="a", amount=6)
        assert await bank.fetch_all(ALL) == [("a", 5), ("b", 1)]

    async def test_a_commit_that_meets_another_one(self, bank: PostgresqlAdapter) -> None:
        isolation = Isolation.SERIALIZABLE
        left = asyncio.Event()
        first, second = bank.transaction(isolation=isolation), bank.transaction(isolation=isolation)
        with pytest.raises(SerializationError):
            async with first as one_of_them:
                async with second as other:
                    await one_of_them.fetch_one(TOTAL)
                    await other.fetch_one(TOTAL)
                    await one_of_them.execute(SET, account="a", amount=7)
                    await other.execute(SET, account="b", amount=7)
                left.set()
        assert left.is_set()
        assert await bank.fetch_all(ALL) == [("a", 1), ("b", 7)]
        assert bank.connections_in_use == 0

    async def test_a_deadlock(self, bank: PostgresqlAdapter) -> None:
        both = asyncio.Barrier(2)

        async def change(*names: str) -> None:
            async with bank.transaction(isolation=Isolation.READ_COMMITTED) as transaction:
                await transaction.execute(SET, account=names[0], amount=3)
                await both.wait()
                await transaction.execute(SET, account=names[1], amount=3)

        ends = await asyncio.gather(change("a", "b"), change("b", "a"), return_exceptions=True)
        assert sorted(type(end).__name__ for end in ends) == ["NoneType", "SerializationError"]

    async def test_isolation_is_what_was_asked(self, bank: PostgresqlAdapter) -> None:
        setting = sa.func.current_setting("transaction_isolation").label("level")
        for isolation in Isolation:
            async with bank.transaction(isolation=isolation) as transaction:
                row = await transaction.fetch_one(Statement(sa.select(setting)))
            assert row.level == isolation.value.lower()

    async def test_a_savepoint_is_undone_where_it_ran_out_of_time(
        self, bank: PostgresqlAdapter
    ) -> None:
        async with bank.transaction() as transaction:
            await transaction.execute(ADD, id="c", balance=1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), transaction.savepoint():
                    await transaction.execute(ADD, id="d", balance=1)
                    await transaction.fetch_one(SLEEP)
            await transaction.execute(ADD, id="e", balance=1)
        assert [row.id for row in await bank.fetch_all(ALL)] == ["a", "b", "c", "e"]

    async def test_a_server_that_only_reads_is_unavailable_for_writes(
        self, bank: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        """It became a standby: another connection may lead to the one that writes."""
        url = postgresql_server.url(query="?default_transaction_read_only=on")
        async with await PostgresqlAdapter.open(url) as standby:
            assert len(await standby.fetch_all(ALL)) == 2
            backend = (await standby.fetch_one(BACKEND)).pid
            with pytest.raises(UnavailableError):
                await standby.execute(ADD, id="c", balance=1)
            assert (await standby.fetch_one(BACKEND)).pid != backend

    async def test_what_takes_longer_than_the_server_allows(
        self, postgresql_server: PostgresqlServer
    ) -> None:
        url = postgresql_server.url(query="?statement_timeout=20")
        async with await PostgresqlAdapter.open(url) as database:
            with pytest.raises(UnavailableError):
                await database.fetch_one(SLEEP)
            with pytest.raises(UnavailableError):
                async with database.transaction() as transaction:
                    await transaction.fetch_one(SLEEP)
            await database.check()
