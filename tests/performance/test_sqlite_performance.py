"""The hot operations of the database under pytest-benchmark; only results are asserted."""

import asyncio

import pytest
import sqlalchemy as sa
from pytest_benchmark.fixture import BenchmarkFixture

from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement
from blrcs.database.tables import settings

PUT = Statement(sa.dialects.sqlite.insert(settings).on_conflict_do_nothing())
GET = Statement(sa.select(settings).where(settings.c.key == sa.bindparam("name")))
GROUP = 100


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def database(tmp_path, loop):
    database = SqliteDatabase.open(tmp_path / "blrcs.db")
    loop.run_until_complete(put(database, "a"))
    yield database
    loop.run_until_complete(database.close())


async def put(database: SqliteDatabase, key: str) -> int:
    return await database.write(lambda transaction: transaction.execute(PUT, key=key, value=b"v"))


def test_point_read(benchmark: BenchmarkFixture, database: SqliteDatabase) -> None:
    row = benchmark(database.fetch_one, GET, name="a")

    assert row.value == b"v"


def test_group_of_writes(benchmark: BenchmarkFixture, database: SqliteDatabase, loop) -> None:
    async def write_group() -> None:
        await asyncio.gather(*(put(database, f"{n}") for n in range(GROUP)))

    benchmark(lambda: loop.run_until_complete(write_group()))

    assert database.fetch_one(GET, name=f"{GROUP - 1}").value == b"v"
