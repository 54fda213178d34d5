"""A primary and replicas of it, and what tests ask them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from blrcs.database.adapter import DatabaseAdapter, Reads
from blrcs.database.replicas.adapter import ReplicatedDatabase
from blrcs.database.replicas.group import ReplicaOptions
from blrcs.database.replicas.opening import with_replicas
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER
from blrcs.domain.consistency import Consistency, consistency

PATIENCE_S = 30
KEPT_S = 3600.0
"""A bound that no replica of a test goes beyond."""
CLOSE_S = 0.4
"""One that they do as soon as they are held."""

entries = sa.Table(
    "replica_entries",
    sa.MetaData(),
    sa.Column("id", KEY, primary_key=True),
    sa.Column("value", NUMBER, nullable=False),
)
TABLE = CreateTable(entries, if_not_exists=True)
EMPTY = Statement(sa.delete(entries))
ADD = Statement(sa.insert(entries))
ALL = Statement(sa.select(entries).order_by(entries.c.id))
GET = Statement(sa.select(entries).where(entries.c.id == sa.bindparam("entry")))
SET = Statement(
    sa.update(entries)
    .where(entries.c.id == sa.bindparam("entry"))
    .values(value=sa.bindparam("new"))
)
COUNT = Statement(sa.select(sa.func.count().label("count")).select_from(entries))
RECOVERING = Statement(sa.select(sa.func.pg_is_in_recovery().label("flag")))
"""Whether it is a replica that answers, of PostgreSQL's."""


class Observer:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.usable: dict[str, bool] = {}
        self.lags: dict[str, float | None] = {}

    def checked(self, replica: str, lag_s: float | None, *, usable: bool) -> None:
        self.usable[replica] = usable
        self.lags[replica] = lag_s

    def read(self, source: str) -> None:
        self.reads[source] += 1


@asynccontextmanager
async def opened(
    primary: DatabaseAdapter,
    urls: Sequence[str],
    observer: Observer,
    options: ReplicaOptions,
) -> AsyncIterator[ReplicatedDatabase]:
    """A database with replicas that have an empty table."""
    await primary.define(TABLE)
    await primary.execute(EMPTY)
    async with with_replicas(primary, urls, options=options, observer=observer) as database:
        yield database


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - a replica tells nobody
            await asyncio.sleep(0.01)


@contextmanager
def call(*tokens: str) -> Iterator[Consistency]:
    """Runs a block as a call with tokens in its metadata."""
    seen = Consistency(tokens)
    reset = consistency.set(seen)
    try:
        yield seen
    finally:
        consistency.reset(reset)


async def count(source: Reads) -> int:
    row = await source.fetch_one(COUNT)
    assert row is not None
    return int(row.count)


async def shows(source: Reads, expected: int) -> None:
    """Waits until a source has so many entries."""

    async def there() -> bool:
        return await count(source) == expected

    await until(there)
