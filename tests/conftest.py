"""What all tests have in common: no clock, and one server of each kind."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.mariadb import MariadbServer, mariadb
from tests.servers.postgresql import PostgresqlServer, postgresql
from tests.servers.redis import RedisServer, redis

# No test is about time: machines are busy, and sanitizers make each step many times as slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


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


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis that tests may restart, pause and flush."""
    with redis() as server:
        yield server
