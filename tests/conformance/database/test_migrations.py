"""Migrations on each database, by several at once, by services, and killed on the way."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import DropTable

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import (
    DatabaseCorruptError,
    DatabaseOpenError,
    DatabaseOutdatedError,
    DatabaseTooNewError,
)
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.branch import BLRCS, Branch, named_branch
from blrcs.database.migrations.running import differences, move, stored_revision
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.mysql.migrate import migrate as migrate_mysql
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.migrate import migrate as migrate_postgresql
from blrcs.database.statement import Statement
from blrcs.database.tables import metadata
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

HERE = Path(__file__).parent
ORDERS = named_branch("orders", HERE / "migrations_of_orders")
BRANCHES = (BLRCS, ORDERS)
MIGRATORS = 4
TIMEOUT_S = 60
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


def tables(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def at(connection: sa.Connection) -> dict[str, str | None]:
    return {each.name: stored_revision(connection, each) for each in BRANCHES}


async def test_migrations_lead_to_the_tables_described_and_back(empty_url: str) -> None:
    road = kind_of(empty_url).road(empty_url)
    await bring_up_to_date(road)
    assert await road.run(partial(differences, metadata=metadata)) == []
    downwards = [each.id for each in reversed(BLRCS.revisions)]
    for target in [*downwards[1:], "base"]:
        await road.run(partial(move, place="here", branch=BLRCS, target=target))
        (stored,) = await road.stored(["alembic_version"])
        assert stored == (None if target == "base" else target)
    assert await road.run(tables) == {"alembic_version"}
    for target in reversed(downwards):
        await road.run(partial(move, place="here", branch=BLRCS, target=target))
    assert await road.run(partial(differences, metadata=metadata)) == []


async def test_readers_do_not_wait_behind_a_migration_that_waits_for_one_of_them(
    postgresql_server: PostgresqlServer,
) -> None:
    postgresql_server.create_database("read")
    url = postgresql_server.url("read")
    road = kind_of(url).road(url)
    await migrate_postgresql(url)
    await road.run(partial(move, place="here", branch=BLRCS, target="0011"))
    read = Statement(sa.select(metadata.tables["record_index"]))
    async with await PostgresqlAdapter.open(url) as database:
        async with database.transaction() as transaction:
            await transaction.fetch_all(read)
            with pytest.raises(DatabaseOpenError, match="lock timeout"):
                await asyncio.wait_for(migrate_postgresql(url), TIMEOUT_S)
            assert await database.fetch_all(read) == []
        assert await road.stored(["alembic_version"]) == ["0011"]
        await migrate_postgresql(url)
    assert await road.run(partial(differences, metadata=metadata)) == []


async def test_a_table_that_is_not_as_described_is_told(empty_url: str) -> None:
    road = kind_of(empty_url).road(empty_url)
    await bring_up_to_date(road)

    def spoil(connection: sa.Connection) -> None:
        connection.execute(sa.text("ALTER TABLE users ADD COLUMN more INTEGER"))
        connection.execute(sa.text("ALTER TABLE users DROP COLUMN email"))
        connection.execute(sa.text("CREATE INDEX ix_more ON users (more)"))
        connection.execute(sa.text("CREATE TABLE others (id INTEGER)"))

    await road.run(spoil)
    found = await road.run(partial(differences, metadata=metadata))
    assert sorted(found) == [
        "add column users users.email",
        "remove column users users.more",
        "remove index users.ix_more",
    ]


async def test_services_bring_branches_of_their_own(empty_url: str) -> None:
    road = kind_of(empty_url).road(empty_url)
    assert await road.stored([each.version_table for each in BRANCHES]) == [None, None]
    await bring_up_to_date(road, BRANCHES)
    assert await road.run(at) == {"blrcs": BLRCS.head, "orders": "0002"}
    assert {"users", "orders", "customers"} <= await road.run(tables)
    await road.run(partial(move, place="here", branch=ORDERS, target="0001"))
    assert await road.run(at) == {"blrcs": BLRCS.head, "orders": "0001"}
    assert await road.stored([each.version_table for each in BRANCHES]) == [BLRCS.head, "0001"]
    await bring_up_to_date(road, [BLRCS])
    with pytest.raises(DatabaseOutdatedError, match=r"'0001' of orders, and '0002' is needed: run"):
        await bring_up_to_date(road, BRANCHES, only_check=True)
    await bring_up_to_date(road, BRANCHES)
    await bring_up_to_date(road, BRANCHES, only_check=True)
    async with open_database(empty_url, migrate=True) as (database, _):
        await database.check()


async def test_what_a_start_does_not_know_it_leaves_alone(empty_url: str, tmp_path: Path) -> None:
    road = kind_of(empty_url).road(empty_url)
    with pytest.raises(DatabaseOutdatedError, match="is at schema 'base', and"):
        await bring_up_to_date(road, only_check=True)
    await bring_up_to_date(road, BRANCHES)
    older = tmp_path / "older"
    older.mkdir()
    (older / "0001.py").write_text((ORDERS.folder / "0001_orders.py").read_text())
    branches = [BLRCS, named_branch("orders", older)]
    for only_check in (True, False):
        with pytest.raises(DatabaseTooNewError, match="newer version of orders"):
            await bring_up_to_date(road, branches, only_check=only_check)
    with pytest.raises(DatabaseOpenError, match="orders has no revision '0003'"):
        await road.run(partial(move, place="here", branch=ORDERS, target="0003"))


async def test_another_programs_database_is_left_alone(empty_url: str) -> None:
    road = kind_of(empty_url).road(empty_url)

    def make(connection: sa.Connection) -> None:
        connection.execute(sa.text("CREATE TABLE others (id INTEGER)"))

    await road.run(make)
    with pytest.raises(DatabaseCorruptError, match="another program"):
        await bring_up_to_date(road)
    assert await road.run(tables) == {"others"}


async def test_several_migrate_branches_at_once(empty_url: str) -> None:
    """In processes of their own, as workers and machines are."""
    program = (
        "import asyncio, sys; from pathlib import Path;"
        "from blrcs.database.kind import kind_of;"
        "from blrcs.database.migrations.branch import BLRCS, named_branch;"
        "from blrcs.database.migrations.starting import bring_up_to_date;"
        "orders = named_branch('orders', Path(sys.argv[2]));"
        "asyncio.run(bring_up_to_date(kind_of(sys.argv[1]).road(sys.argv[1]), [BLRCS, orders]))"
    )
    command = [sys.executable, "-c", program, empty_url, ORDERS.folder]
    several = [await asyncio.create_subprocess_exec(*command) for _ in range(MIGRATORS)]
    assert [await each.wait() for each in several] == [0] * MIGRATORS
    road = kind_of(empty_url).road(empty_url)
    assert await road.run(at) == {"blrcs": BLRCS.head, "orders": "0002"}


async def test_a_start_with_nothing_to_migrate_does_not_import_alembic(empty_url: str) -> None:
    await bring_up_to_date(kind_of(empty_url).road(empty_url), BRANCHES)
    program = (
        "import asyncio, sys; from pathlib import Path;"
        "from blrcs.database.kind import kind_of;"
        "from blrcs.database.migrations.branch import BLRCS, named_branch;"
        "from blrcs.database.migrations.starting import bring_up_to_date;"
        "orders = named_branch('orders', Path(sys.argv[2]));"
        "asyncio.run(bring_up_to_date(kind_of(sys.argv[1]).road(sys.argv[1]), [BLRCS, orders]));"
        "print([name for name in ('alembic', 'sqlalchemy.ext.asyncio') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, empty_url, ORDERS.folder]
    done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await done.communicate()
    assert printed == b"[]\n"


async def test_a_migration_of_a_service_that_raises_is_told(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001.py").write_text(
        "revision = '0001'\ndown_revision = None\n"
        "def upgrade():\n    raise ValueError('no\\nway')\n"
    )
    broken = Branch("broken", tmp_path)
    with pytest.raises(
        DatabaseOpenError, match=r"a migration of broken fails: ValueError: no way$"
    ):
        await bring_up_to_date(kind_of(empty_url).road(empty_url), [BLRCS, broken])


@pytest.mark.parametrize(("stride", "least"), [(1, 10), (25, len(metadata.tables))])
def test_a_migrator_killed_before_any_statement_does_no_harm(
    empty_url: str, stride: int, least: int
) -> None:
    """A service's branch at each of its statements, and ours with it at some."""
    program = HERE / "migrating_until_killed.py"
    result = subprocess.run(
        [sys.executable, program, empty_url, ORDERS.folder, str(stride)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr.decode()
    assert int(result.stdout) > least
