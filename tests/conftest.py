"""Servers for all tests: one of each kind, started where a test needs it."""

from collections.abc import Iterator

import pytest

from tests.servers.mariadb import MariadbServer, mariadb
from tests.servers.postgresql import PostgresqlServer, postgresql


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL that tests may restart, pause, and use any database of."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_services(postgresql_server: PostgresqlServer) -> str:
    """The URL of a database for the built-in services alone."""
    postgresql_server.create_database("services")
    return postgresql_server.url("services")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """A MariaDB that tests may restart and pause."""
    with mariadb() as server:
        yield server
