"""PostgreSQL's adapter where callers give up, and where the server is gone or does not answer."""

import asyncio
from collections.abc import Iterator
from functools import partial

import asyncpg
import pytest
import sqlalchemy as sa

from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.statement import Statement
from blrcs.domain.errors import UnavailableError
from tests.conformance.database.postgresql.bank import (
    ADD,
    ALL,
    ASLEEP,
    BACKEND,
    OTHERS,
    SET,
    SLEEP,
    TERMINATE,
    accounts,
    all_back,
    until,
)
from tests.servers.postgresql import PostgresqlServer


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
