"""A table of records on each database, and the ways to fill and ask it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.queries import FilteredQueries
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.statement import Row, Statement
from blrcs.database.types import DOCUMENT, KEY, NUMBER
from blrcs.domain.filter.evaluation import Subject
from blrcs.domain.filter.expression import Filter
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import OrderBy, Position, parse_order_by
from tests.documents import PREFIX
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

KINDS = ("sqlite", "postgresql", "mariadb")
BY_ID = parse_order_by("")

table = sa.Table(
    "filter_records",
    sa.MetaData(),
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    sa.Column("record_id", KEY, primary_key=True),
    sa.Column("document", DOCUMENT, nullable=False),
    sa.Column("version", NUMBER, nullable=False),
    sa.Column("create_time_ns", NUMBER, nullable=False),
    sa.Column("update_time_ns", NUMBER, nullable=False),
    sa.Column("expire_time_ns", NUMBER),
    sqlite_strict=True,
)
by_time = sa.Index(
    "filter_records_by_time",
    table.c.tenant,
    table.c.collection,
    table.c.create_time_ns,
    table.c.record_id,
)
ADD = Statement(sa.insert(table))
EMPTY = Statement(sa.delete(table))
PLACE = {"tenant": "acme", "collection": "orders"}


def row(subject: Subject, **place: str) -> dict[str, Any]:
    """As it is stored."""
    return {
        **PLACE,
        "record_id": subject.record_id,
        "document": orjson.dumps(subject.data).decode(),
        "version": 1,
        "create_time_ns": subject.create_time_ns,
        "update_time_ns": subject.update_time_ns,
        "expire_time_ns": subject.expire_time_ns,
        **place,
    }


class Records:
    """The table of one database."""

    def __init__(self, database: DatabaseAdapter) -> None:
        self.database = database
        self.queries = FilteredQueries(Columns.of(table))

    async def create(self) -> None:
        drop = DropTable(table, if_exists=True)
        await self.database.define(drop, CreateTable(table), CreateIndex(by_time))

    async def drop(self) -> None:
        """Leaves the database as others expect it: without a table that is not theirs."""
        await self.database.define(DropTable(table, if_exists=True))

    async def put(self, subjects: Iterable[Subject]) -> None:
        """These records, and no others."""
        await self.database.execute(EMPTY)
        await self.database.execute_many(ADD, [row(each) for each in subjects])

    async def page(
        self,
        filter_: Filter | str = "",
        order_by: OrderBy = BY_ID,
        *,
        limit: int = 1000,
        position: Position | None = None,
        now_ns: int = 5,
    ) -> list[Row]:
        if isinstance(filter_, str):
            filter_ = parse_filter(filter_)
        statement, params = self.queries.page(
            filter_,
            order_by,
            **PLACE,
            name_prefix=PREFIX,
            now_ns=now_ns,
            limit=limit,
            position=position,
        )
        return await self.database.fetch_all(statement, **params)

    async def ids(self, *args: Any, **options: Any) -> list[str]:
        return [each.record_id for each in await self.page(*args, **options)]

    async def count(self, filter_: Filter) -> int:
        statement, params = self.queries.count(filter_, **PLACE, name_prefix=PREFIX, now_ns=5)
        found = await self.database.fetch_one(statement, **params)
        assert found is not None
        return int(found.count)


@pytest.fixture(scope="session")
def filters_url(postgresql_server: PostgresqlServer) -> str:
    """A database of PostgreSQL for these tests alone."""
    # Its own order is not that of octets, so that whatever is left to it shows.
    postgresql_server.create_database("filters", locale="en-US")
    return postgresql_server.url("filters")


async def _opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> DatabaseAdapter:
    if kind == "sqlite":
        return SqliteAdapter.open(folder / "records.db")
    if kind == "postgresql":
        return await PostgresqlAdapter.open(request.getfixturevalue("filters_url"))
    mariadb: MariadbServer = request.getfixturevalue("mariadb_server")
    return await MysqlAdapter.open(mariadb.url())


@pytest.fixture(params=KINDS)
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    """The table of one database after the other."""
    async with await _opened(request.param, tmp_path, request) as database:
        records = Records(database)
        await records.create()
        yield records
        await records.drop()


@pytest.fixture
async def every(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[dict[str, Records]]:
    """The tables of all databases."""
    async with AsyncExitStack() as stack:
        found = {}
        for kind in KINDS:
            database = await _opened(kind, tmp_path, request)
            found[kind] = Records(await stack.enter_async_context(database))
            await found[kind].create()
        yield found
        for records in found.values():
            await records.drop()
