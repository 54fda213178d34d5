"""What all tests have in common: no clock, a level of the log, and one server of each kind."""

import gc
import itertools
import logging
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers.mariadb import MariadbServer, mariadb
from tests.servers.postgresql import PostgresqlServer, postgresql
from tests.servers.redis import RedisServer, redis

# No test is about time: machines are busy, and sanitizers make each step many times as slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays until the end: who looks for garbage need not go through it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _level_of_the_log() -> Iterator[None]:
    """A server that runs in a test's process sets it for the whole process."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


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


DATABASES = ("sqlite", "postgresql", "mariadb")
_numbers = itertools.count()


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, of each kind."""
    return new_database(request.param, request, tmp_path)


def new_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of another one of that kind."""
    name = f"fresh_{next(_numbers)}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.db"
    server = request.getfixturevalue(f"{kind}_server")
    server.create_database(name)
    url: str = server.url(database=name)
    return url
