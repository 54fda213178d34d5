"""Servers for the suites of databases: one of each kind for all tests."""

from collections.abc import Iterator

import pytest

from tests.servers.postgresql import PostgresqlServer, postgresql


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL that tests may restart, pause, and use any database of."""
    with postgresql() as server:
        yield server
