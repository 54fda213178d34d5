from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.database.pool import PoolLimits
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from tests.conformance.database.postgresql.bank import (
    ADD,
    accounts,
)
from tests.servers.postgresql import PostgresqlServer


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
