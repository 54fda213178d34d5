"""A database whose slow statements are told does all that it does otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.slow_log.file import SlowLogFile
from blrcs.database.slow_log.log import SlowLog
from blrcs.database.slow_log.watched import WatchedDatabase
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.testing.database import DatabaseConformance


class TestWatched(DatabaseConformance):
    @pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
    async def database(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> AsyncIterator[WatchedDatabase]:
        """Everything is slow to it."""
        if request.param == "sqlite":
            inner = SqliteAdapter.open(tmp_path / "test.db", idle_timeout_s=5)
        elif request.param == "postgresql":
            url = request.getfixturevalue("postgresql_server").url()
            inner = await PostgresqlAdapter.open(url)
        else:
            url = request.getfixturevalue("mariadb_server").url()
            inner = await MysqlAdapter.open(url, lock_timeout_s=1)
        log = SlowLog(inner, SlowLogFile(tmp_path / "slow"), least_ns=0)
        async with WatchedDatabase(inner, log) as database, log.running():
            yield database
