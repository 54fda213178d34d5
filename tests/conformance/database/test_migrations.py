"""Migrations of servers' databases, run by several at once as machines that start together do."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.schema import DropTable

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.mysql.migrate import migrate as migrate_mysql
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.migrate import migrate as migrate_postgresql
from blrcs.database.statement import Statement
from blrcs.database.tables import metadata
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

MIGRATORS = 4
VERSIONS = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32)))
REVISIONS = Statement(sa.select(VERSIONS))
ROWS = [Statement(sa.select(table)) for table in metadata.sorted_tables]


async def require_tables(database: DatabaseAdapter) -> None:
    assert len(await database.fetch_all(REVISIONS)) == 1
    for statement in ROWS:
        assert await database.fetch_all(statement) == []


async def test_several_migrate_postgresql_at_once(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.create_database("migrated")
    url = postgresql_server.url("migrated")
    await asyncio.gather(*(migrate_postgresql(url) for _ in range(MIGRATORS)))
    await migrate_postgresql(url)
    async with await PostgresqlAdapter.open(url) as database:
        await require_tables(database)


async def test_several_migrate_mariadb_at_once_and_after_one_that_was_killed(
    mariadb_server: MariadbServer,
) -> None:
    url = mariadb_server.url()
    async with await MysqlAdapter.open(url) as database:
        tables = [*reversed(metadata.sorted_tables), VERSIONS]
        await database.define(*(DropTable(each, if_exists=True) for each in tables))
        await asyncio.gather(*(migrate_mysql(url) for _ in range(MIGRATORS)))
        await require_tables(database)
        # As by a process that came so far: some tables are there, and the revision is not.
        some = [metadata.tables[name] for name in ("refresh_tokens", "sessions", "api_keys")]
        await database.define(*(DropTable(each) for each in some))
        await database.execute(Statement(sa.delete(VERSIONS)))
        await migrate_mysql(url)
        await require_tables(database)
