import pytest

from blrcs.database.sqlite.database import SqliteDatabase


@pytest.fixture
async def database(tmp_path):
    async with SqliteDatabase.open(tmp_path / "blrcs.db") as database:
        yield database
