"""Kinds of databases, and which of them a URL means.

An adapter of somebody else's is found by an entry point of the group ``blrcs.databases``: its name
is the scheme of URLs, and what it names is a DatabaseKind.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from blrcs.database.adapter import BlockingReader, DatabaseAdapter
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.road import MigrationRoad
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.pool import PoolLimits, PoolObserver
from blrcs.database.threaded_reader import ThreadedReader
from blrcs.installed import declared

GROUP = "blrcs.databases"


class Open(Protocol):
    """Opens an adapter; DatabaseOpenError says in one line what is wrong."""

    def __call__(
        self, url: str, limits: PoolLimits | None = None, observer: PoolObserver | None = None
    ) -> Awaitable[DatabaseAdapter]:
        """Opens what the URL names, with so many connections where it has a pool."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseKind:
    """How databases of one kind are opened.

    Attributes:
        open: Opens an adapter.
        road: The way by which migrations reach it; DatabaseOpenError where the URL names none.
    """

    open: Open
    road: Callable[[str], MigrationRoad]


def kind_of(url: str) -> DatabaseKind:
    """The kind that a URL's scheme names.

    Raises:
        DatabaseOpenError: There is no such kind.
    """
    scheme, mark, _ = url.partition(":")
    found = declared(GROUP)
    if not mark or scheme not in found.names:
        known = ", ".join(sorted(found.names))
        raise DatabaseOpenError("database", f"its URL begins with none of {known}")
    (entry,) = {entry.value: entry for entry in found if entry.name == scheme}.values()
    kind = entry.load()
    if not isinstance(kind, DatabaseKind):
        raise DatabaseOpenError("database", f"{entry.value} is no DatabaseKind")
    return kind


@asynccontextmanager
async def open_database(
    url: str,
    *,
    migrate: bool,
    limits: PoolLimits | None = None,
    observer: PoolObserver | None = None,
) -> AsyncIterator[tuple[DatabaseAdapter, BlockingReader]]:
    """A database for the length of a block, with a reader for those who cannot wait.

    Args:
        url: Which database.
        migrate: Whether to bring our own tables to this version's schema first.
        limits: Of its pool.
        observer: Is told of its pool.

    Raises:
        DatabaseOpenError: One of its subclasses, each saying in one line what is wrong.
    """
    kind = kind_of(url)
    if migrate:
        await bring_up_to_date(kind.road(url))
    async with await kind.open(url, limits, observer) as database:
        if database.reader is not None:
            yield database, database.reader
            return
        reader = ThreadedReader.open(partial(_open_one, kind, url))
        try:
            yield database, reader
        finally:
            reader.close()


async def _open_one(kind: DatabaseKind, url: str) -> DatabaseAdapter:
    return await kind.open(url, PoolLimits(size=1, overflow=0))
