"""PostgreSQL's adapter against the suite, and what it alone promises."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.testing.database import DatabaseConformance
from tests.servers.postgresql import PostgresqlServer


@pytest.fixture
async def database(postgresql_server: PostgresqlServer) -> AsyncIterator[PostgresqlAdapter]:
    async with await PostgresqlAdapter.open(postgresql_server.url()) as database:
        yield database


class TestPostgresql(DatabaseConformance):
    @pytest.fixture
    async def database(self, database: PostgresqlAdapter) -> PostgresqlAdapter:
        return database
