"""MySQL's adapter against the suite, on MariaDB, and what it alone promises."""

from collections.abc import AsyncIterator, Iterator

import pytest

from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.testing.database import DatabaseConformance
from tests.servers.mariadb import MariadbServer, mariadb


@pytest.fixture(scope="session")
def server() -> Iterator[MariadbServer]:
    """A server for all tests of this file."""
    with mariadb() as server:
        yield server


class TestMysql(DatabaseConformance):
    @pytest.fixture
    async def database(self, server: MariadbServer) -> AsyncIterator[MysqlAdapter]:
        async with await MysqlAdapter.open(server.url()) as database:
            yield database
