"""A database that is reached through a proxy, by one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.kind import kind_of
from blrcs.database.pool import PoolLimits, Unobserved
from blrcs.database.statement import Statement, insert_into
from blrcs.database.types import KEY
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.proxy import Proxy, proxy

PATIENCE_S = 30
rows = sa.Table("reached", sa.MetaData(), sa.Column("id", KEY, primary_key=True))
ADD = insert_into(rows)
ALL = Statement(sa.select(rows).order_by(rows.c.id))
THIS = Statement(sa.select(rows).where(rows.c.id == sa.bindparam("wanted")))

Server = PostgresqlServer | MariadbServer


class InUse(Unobserved):
    """Counts connections that are lent."""

    count = 0

    def in_use(self, change: int) -> None:
        self.count += change


@dataclass
class Reached:
    """The database, and what is between."""

    database: DatabaseAdapter
    proxy: Proxy
    lent: InUse

    async def ids(self) -> list[str]:
        """What there is; by a connection that answers."""
        async with asyncio.timeout(PATIENCE_S):
            return [row.id for row in await self.database.fetch_all(ALL)]

    async def held_back(self) -> None:
        """Returns when there is an answer, which does not arrive."""
        await until(lambda: self.proxy.held_bytes > 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


def through(url: str, server: Server, between: Proxy) -> str:
    """The same, by another way."""
    return url.replace(f":{server.port}", f":{between.port}")


@asynccontextmanager
async def reached_database(server: Server, query_timeout_s: float) -> AsyncIterator[Reached]:
    """With a table of one row, and statements that are prepared; it is gone afterwards."""
    try:
        async with _with_table(server, query_timeout_s) as reached:
            yield reached
    finally:
        url = server.url()
        async with await kind_of(url).open(url, PoolLimits(size=1, overflow=0)) as database:
            await database.define(DropTable(rows, if_exists=True))


@asynccontextmanager
async def _with_table(server: Server, query_timeout_s: float) -> AsyncIterator[Reached]:
    async with proxy(server.port) as between:
        lent = InUse()
        limits = PoolLimits(size=1, overflow=0, query_timeout_s=query_timeout_s)
        url = through(server.url(), server, between)
        async with await kind_of(url).open(url, limits, lent) as database:
            await database.define(DropTable(rows, if_exists=True), CreateTable(rows))
            await database.execute(ADD, id="first")
            await database.fetch_all(THIS, wanted="first")
            yield Reached(database, between, lent)
