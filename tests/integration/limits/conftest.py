import pytest

from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "blrcs.db"
    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        yield database
