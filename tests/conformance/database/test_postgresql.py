"""PostgreSQL's adapter against the suite, and what it alone promises."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.database.adapter import Isolation, Transaction
from blrcs.database.errors import IntegrityViolationError, SerializationError
from blrcs.database.pool import PoolLimits
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.connection import PREPARED_STATEMENTS
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER
from blrcs.domain.errors import InvalidArgumentError, UnavailableError
from blrcs.testing.database import DatabaseConformance
from tests.servers.postgresql import PostgresqlServer

PATIENCE_S = 30

metadata = sa.MetaData()
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("balance", NUMBER, nullable=False),
    sa.Column(
        "owner",
        KEY,
        sa.ForeignKey("accounts.id", name="accounts_owner", deferrable=True, initially="DEFERRED"),
    ),
    sa.CheckConstraint("balance >= 0", name="accounts_balance"),
)

ADD = Statement(sa.insert(accounts).values(id=sa.bindparam("id"), balance=sa.bindparam("balance")))
ADD_OWNED = Statement(sa.insert(accounts))
ALL = Statement(sa.select(accounts.c.id, accounts.c.balance).order_by(accounts.c.id))
TOTAL = Statement(sa.select(sa.func.sum(accounts.c.balance).label("total")))
EVERYTHING = Statement(sa.select(accounts.c.balance, sa.text("*")).select_from(accounts))
SET = Statement(
    sa.update(accounts)
    .where(accounts.c.id == sa.bindparam("account"))
    .values(balance=sa.bindparam("amount"))
)
SLEEP = Statement(sa.select(sa.func.pg_sleep(600).label("slept")))
BACKEND = Statement(sa.select(sa.func.pg_backend_pid().label("pid")))
PREPARED = Statement(
    sa.select(sa.func.count().label("count")).select_from(sa.table("pg_prepared_statements"))
)

ASLEEP = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active'"
OTHERS = " AND pid <> pg_backend_pid()"
TERMINATE = "SELECT pg_terminate_backend($1, 30000)"


async def until(condition: Callable[[], Any]) -> Any:
    """What an awaitable condition gives when that is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not (result := await condition()):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
    return result


async def all_back(database: PostgresqlAdapter) -> None:
    async def is_idle() -> bool:
        return database.connections_in_use == 0

    await until(is_idle)


@pytest.fixture
async def admin(postgresql_server: PostgresqlServer) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the tests' own."""
    connection = await asyncpg.connect(postgresql_server.url())
    yield connection
    connection.terminate()


@pytest.fixture
async def database(postgresql_server: PostgresqlServer) -> AsyncIterator[PostgresqlAdapter]:
    async with await PostgresqlAdapter.open(postgresql_server.url()) as database:
        yield database


@pytest.fixture
async def one(postgresql_server: PostgresqlServer) -> AsyncIterator[PostgresqlAdapter]:
    """An adapter with a single connection, and a table."""
    limits = PoolLimits(size=1, overflow=0)
    async with await PostgresqlAdapter.open(postgresql_server.url(), limits=limits) as database:
        await database.define(DropTable(accounts, if_exists=True), CreateTable(accounts))
        yield database


@pytest.fixture
async def bank(database: PostgresqlAdapter) -> PostgresqlAdapter:
    """An adapter, with two accounts."""
    await database.define(DropTable(accounts, if_exists=True), CreateTable(accounts))
    await database.execute_many(ADD, [{"id": "a", "balance": 1}, {"id": "b", "balance": 1}])
    return database


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


class TestCancelled:
    async def test_its_query_ends_on_the_server(
        self, one: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        backend = (await one.fetch_one(BACKEND)).pid
        task = asyncio.create_task(one.fetch_one(SLEEP))
        assert await until(lambda: admin.fetchval(ASLEEP + OTHERS)) == backend
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await all_back(one)
        assert await admin.fetchval(ASLEEP + OTHERS) is None
        assert (await one.fetch_one(BACKEND)).pid == backend

    async def test_its_transaction_is_undone(
        self, one: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        async def work() -> None:
            async with one.transaction() as transaction:
                await transaction.execute(ADD, id="a", balance=1)
                await transaction.fetch_one(SLEEP)

        task = asyncio.create_task(work())
        await until(lambda: admin.fetchval(ASLEEP + OTHERS))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await one.fetch_all(ALL) == []
        assert one.connections_in_use == 0

    async def test_many_at_once(
        self, database: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        """More than there are connections: some run, some connect, some wait."""
        for _ in range(3):
            tasks = [asyncio.create_task(database.fetch_one(SLEEP)) for _ in range(100)]
            await until(lambda: admin.fetchval(ASLEEP + OTHERS))
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        await all_back(database)
        assert await admin.fetchval(ASLEEP + OTHERS) is None
        await asyncio.gather(*(database.fetch_one(BACKEND) for _ in range(100)))
        assert database.connections_in_use == 0

    async def test_wherever_it_was(self, one: PostgresqlAdapter) -> None:
        """At each step of the loop that a transaction takes."""

        async def work() -> None:
            async with one.transaction() as transaction, transaction.savepoint():
                await transaction.execute_many(ADD, [{"id": "a", "balance": 1}])
                await transaction.execute(SET, account="a", amount=2)

        for steps in range(60):
            task = asyncio.create_task(work())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            rows = await one.fetch_all(ALL)
            assert rows in ([], [("a", 2)])
            assert one.connections_in_use == 0
            await one.execute(Statement(sa.delete(accounts)))


class TestLost:
    async def test_one_that_the_server_ended_is_not_used(
        self, one: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        """Although the loop has had no time to see that it ended."""
        backend = (await one.fetch_one(BACKEND)).pid
        postgresql_server.terminate(backend)
        assert (await one.fetch_one(BACKEND)).pid != backend
        backend = (await one.fetch_one(BACKEND)).pid
        postgresql_server.terminate(backend)
        async with one.transaction() as transaction:
            assert (await transaction.fetch_one(BACKEND)).pid != backend
        assert one.connections_in_use == 0

    async def test_one_that_ends_while_in_use_is_told_once(
        self, one: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        task = asyncio.create_task(one.fetch_one(SLEEP))
        backend = await until(lambda: admin.fetchval(ASLEEP + OTHERS))
        assert await admin.fetchval(TERMINATE, backend)
        with pytest.raises(UnavailableError) as caught:
            await task
        assert caught.value.message == "the database cannot be used now"
        assert isinstance(caught.value.__cause__, asyncpg.PostgresError)
        await one.check()
        assert one.connections_in_use == 0

    async def test_a_transaction_whose_connection_ends(
        self, one: PostgresqlAdapter, admin: asyncpg.Connection
    ) -> None:
        with pytest.raises(UnavailableError):
            async with one.transaction() as transaction, transaction.savepoint():
                backend = (await transaction.fetch_one(BACKEND)).pid
                await transaction.execute(ADD, id="a", balance=1)
                assert await admin.fetchval(TERMINATE, backend)
                await transaction.execute(ADD, id="b", balance=1)
        assert await one.fetch_all(ALL) == []
        assert one.connections_in_use == 0

    async def test_a_server_that_is_restarted(
        self, bank: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        await asyncio.gather(*(bank.fetch_all(ALL) for _ in range(10)))
        postgresql_server.restart()
        rows = await asyncio.gather(*(bank.fetch_all(ALL) for _ in range(10)))
        assert rows == [[("a", 1), ("b", 1)]] * 10

    async def test_a_server_that_is_gone_for_a_while(
        self, bank: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        postgresql_server.stop()
        try:
            for _ in range(3):
                with pytest.raises(UnavailableError):
                    await bank.check()
                with pytest.raises(UnavailableError):
                    async with bank.transaction():
                        pass
        finally:
            postgresql_server.start()
        assert len(await bank.fetch_all(ALL)) == 2
        assert bank.connections_in_use == 0

    async def test_a_role_without_another_connection(
        self, admin: asyncpg.Connection, postgresql_server: PostgresqlServer
    ) -> None:
        await admin.execute("DROP ROLE IF EXISTS guest")
        await admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest' CONNECTION LIMIT 1")
        url = postgresql_server.url(user="guest", password="guest")
        async with await PostgresqlAdapter.open(url) as database:
            async with database.transaction():
                with pytest.raises(UnavailableError):
                    await database.check()
            await database.check()

    async def test_a_transaction_that_is_cut_off(
        self, bank: PostgresqlAdapter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By an adapter that is closed, and does not wait for it for ever."""
        monkeypatch.setattr(bank._pool, "close", partial(bank._pool.close, grace_s=0))
        with pytest.raises(UnavailableError):
            async with bank.transaction() as transaction:
                await transaction.fetch_all(ALL)
                await bank.close()
                await transaction.fetch_all(ALL)
        assert bank.connections_in_use == 0


class TestPaused:
    @pytest.fixture(autouse=True)
    def resumed(self, postgresql_server: PostgresqlServer) -> Iterator[None]:
        """A server that answers again, whatever became of the test."""
        yield
        postgresql_server.resume()

    async def test_a_statement_ends_with_its_caller(
        self, one: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        postgresql_server.pause()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await one.fetch_all(ALL)
        postgresql_server.resume()
        assert await one.fetch_all(ALL) == []
        await all_back(one)

    async def test_many_rows_end_with_their_caller(
        self, one: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        """More than the connection takes without being read."""
        await one.execute_many(ADD, [{"id": "a", "balance": 1}])
        rows = [{"id": f"{number:02000}", "balance": number} for number in range(10_000)]
        postgresql_server.pause()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await one.execute_many(ADD, rows)
        postgresql_server.resume()
        assert len(await one.fetch_all(ALL)) == 1
        await all_back(one)

    async def test_a_transaction_ends_with_its_caller(
        self, one: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        with pytest.raises(TimeoutError):
            async with (
                asyncio.timeout(0.5),
                one.transaction() as transaction,
                transaction.savepoint(),
            ):
                await transaction.execute(ADD, id="a", balance=1)
                postgresql_server.pause()
                await transaction.execute(ADD, id="b", balance=1)
        postgresql_server.resume()
        assert await one.fetch_all(ALL) == []
        await all_back(one)

    async def test_an_undone_transaction_ends_with_its_caller(
        self, one: PostgresqlAdapter, postgresql_server: PostgresqlServer
    ) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), one.transaction() as transaction:
                await transaction.execute(ADD, id="a", balance=1)
                postgresql_server.pause()
                raise ValueError
        postgresql_server.resume()
        assert await one.fetch_all(ALL) == []
        await all_back(one)

    async def test_connecting_ends_with_its_caller(
        self, postgresql_server: PostgresqlServer
    ) -> None:
        async with await PostgresqlAdapter.open(postgresql_server.url()) as database:
            async with database.transaction():
                postgresql_server.pause()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await database.check()
                postgresql_server.resume()
            await all_back(database)
            await database.check()
