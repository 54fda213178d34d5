"""The sink on each database, with the writes and what is applied in one transaction."""

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.cache.strategies import Applied, LoggedWrite, WriteRefusedError
from blrcs.database.kind import open_database
from blrcs.database.statement import Statement
from blrcs.database.types import BYTES, KEY
from blrcs.database.write_sink import DatabaseSink, applied_writes

values = sa.Table(
    "sunk_values",
    sa.MetaData(),
    sa.Column("id", KEY, primary_key=True),
    sa.Column("value", BYTES, nullable=False),
)
ADD = Statement(sa.insert(values))
ALL = Statement(sa.select(values.c.id).order_by(values.c.id))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
async def database(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/sink.db"
    elif request.param == "postgresql":
        url = request.getfixturevalue("postgresql_services")
    else:
        url = request.getfixturevalue("mariadb_server").url()
    async with open_database(url, migrate=False) as (database, _):
        await database.define(CreateTable(values, if_not_exists=True))
        yield database
        await database.define(DropTable(values), DropTable(applied_writes, if_exists=True))


@pytest.fixture
async def sink(database):
    async def write(transaction, writes):
        for each in writes:
            await transaction.execute(ADD, id=each.key, value=each.value)

    await DatabaseSink.open(database, write)
    return await DatabaseSink.open(database, write)


def writes(*sequences):
    return [LoggedWrite(number, f"k{number}", b"value", 0) for number in sequences]


async def keys(database):
    return [row.id for row in await database.fetch_all(ALL)]


async def test_of_a_log_that_is_not_known_nothing_is_applied(sink):
    assert await sink.applied("log") == Applied()


async def test_writes_are_carried_out_and_taken_down_together(sink, database):
    await sink.apply("log", writes(1, 3), Applied(3, frozenset({2})))
    assert await sink.applied("log") == Applied(3, frozenset({2}))
    await sink.apply("log", writes(2, 4), Applied(4))
    assert await sink.applied("log") == Applied(4)
    assert await sink.applied("other") == Applied()
    assert await keys(database) == ["k1", "k2", "k3", "k4"]


async def test_what_was_carried_out_is_left_out(sink, database):
    await sink.apply("log", writes(1, 2), Applied(2))
    await sink.apply("log", writes(1, 2, 3), Applied(3))
    assert await keys(database) == ["k1", "k2", "k3"]


async def test_where_one_is_refused_none_is_carried_out_or_taken_down(sink, database):
    await sink.apply("log", writes(1), Applied(1))
    (again,) = writes(1)
    refused = LoggedWrite(3, again.key, again.value, 0)
    with pytest.raises(WriteRefusedError, match="constraint"):
        await sink.apply("log", [*writes(2), refused], Applied(3))
    assert await keys(database) == ["k1"]
    assert await sink.applied("log") == Applied(1)
    await sink.apply("log", writes(2), Applied(2))
    assert await keys(database) == ["k1", "k2"]
