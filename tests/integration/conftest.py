"""What the built-in services are tested on."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.mysql.migrate import migrate as migrate_mysql
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.migrate import migrate as migrate_postgresql
from tests.integration.stores import FileStore, ServerStore, Store
from tests.servers.mariadb import MariadbServer


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Store:
    return FileStore(tmp_path)


@pytest.fixture
def postgresql_store(postgresql_services: str, tmp_path: Path) -> Store:
    connect = partial(PostgresqlAdapter.open, postgresql_services)
    return ServerStore(tmp_path, connect, partial(migrate_postgresql, postgresql_services))


@pytest.fixture
def mariadb_store(mariadb_server: MariadbServer, tmp_path: Path) -> Store:
    url = mariadb_server.url()
    return ServerStore(tmp_path, partial(MysqlAdapter.open, url), partial(migrate_mysql, url))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A place without users, roles and the like, on each database."""
    store: Store = request.getfixturevalue(f"{request.param}_store")
    yield store
    await store.empty()
