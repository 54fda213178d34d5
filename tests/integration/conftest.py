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


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A place without users, roles and the like, on each database."""
    if request.param == "sqlite":
        yield FileStore(tmp_path)
        return
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_services")
        connect, migrate = PostgresqlAdapter.open, migrate_postgresql
    else:
        url = request.getfixturevalue("mariadb_server").url()
        connect, migrate = MysqlAdapter.open, migrate_mysql
    store = ServerStore(tmp_path, partial(connect, url), partial(migrate, url))
    yield store
    await store.empty()
