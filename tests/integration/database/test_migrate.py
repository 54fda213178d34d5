import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from blrcs.database.migrations.branch import BLRCS
from blrcs.database.migrations.running import MIGRATIONS
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.tables import metadata

HERE = Path(__file__).parent


def schema(path):
    """The statements that made each table and index, apart from their layout."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'alembic_%' AND sql IS NOT NULL"
    ).fetchall()
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in rows}


@pytest.fixture
def described(tmp_path):
    """The schema that tables.py describes."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'described.db'}", poolclass=sa.pool.NullPool)
    metadata.create_all(engine)
    return schema(tmp_path / "described.db")


def test_the_head_stated_is_the_head_there_is():
    scripts = ScriptDirectory(str(MIGRATIONS))

    assert scripts.get_heads() == [BLRCS.head]


async def test_migrations_lead_to_the_tables_described(path, described):
    await SqliteDatabase.open(path).close()

    assert schema(path) == described
    assert {"users", "api_keys", "revocations", "settings"} <= described.keys()


async def test_every_table_is_strict(path):
    await SqliteDatabase.open(path).close()

    for name, sql in schema(path).items():
        assert sql.startswith("CREATE INDEX") or sql.endswith("STRICT"), name


def test_a_process_killed_anywhere_on_the_way_does_no_harm(tmp_path, environment, described):
    result = subprocess.run(
        [sys.executable, HERE / "migrating_until_killed.py", tmp_path],
        env=environment,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr.decode()
    *killed, finished = [Path(line.decode()) for line in result.stdout.splitlines()]

    assert len(killed) > len(metadata.tables), "there is a step for every table at least"
    assert schema(finished) == described
    for path in killed:
        assert schema(path) == {}, "all or nothing"
        asyncio.run(SqliteDatabase.open(path).close())
        assert schema(path) == described


def test_a_start_with_nothing_to_migrate_does_not_import_alembic(path, environment):
    asyncio.run(SqliteDatabase.open(path).close())
    program = (
        "import sys; from pathlib import Path;"
        "from blrcs.database.sqlite.database import SqliteDatabase;"
        "SqliteDatabase.open(Path(sys.argv[1])); print('alembic' in sys.modules)"
    )

    result = subprocess.run(
        [sys.executable, "-c", program, path],
        env=environment,
        capture_output=True,
        check=True,
    )

    assert result.stdout == b"False\n"


async def test_a_migration_says_nothing_on_the_terminal(path, capfd):
    await SqliteDatabase.open(path).close()

    assert capfd.readouterr() == ("", "")


def test_the_place_of_the_program_may_have_any_name(path, environment, tmp_path, described):
    place = tmp_path / "100%(here)s"
    place.mkdir()
    (place / "blrcs").symlink_to(HERE.parents[2] / "blrcs")
    program = (
        "import sys; from pathlib import Path;"
        "from blrcs.database.sqlite.database import SqliteDatabase;"
        "SqliteDatabase.open(Path(sys.argv[1]))"
    )

    subprocess.run(
        [sys.executable, "-c", program, path],
        env=environment | {"PYTHONPATH": str(place)},
        cwd=place,
        check=True,
    )

    assert schema(path) == described
