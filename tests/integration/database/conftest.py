import os
from pathlib import Path

import pytest

from blrcs.database.sqlite.database import SqliteDatabase
from tests.migrated import make_migrated


@pytest.fixture
def path(tmp_path):
    return tmp_path / "blrcs.db"


@pytest.fixture
def environment():
    """Of the programs that the tests start."""
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.fixture
async def database(path):
    async with SqliteDatabase.open(make_migrated(path)) as database:
        yield database
