import pytest

from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from tests.migrated import make_migrated


@pytest.fixture
async def database(tmp_path):
    path = make_migrated(tmp_path / "blrcs.db")
    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        yield database
