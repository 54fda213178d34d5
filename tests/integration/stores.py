"""Where the built-in services keep what they keep, on each database."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from blrcs.database.adapter import BlockingReader, DatabaseAdapter
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement
from blrcs.database.tables import metadata
from blrcs.database.threaded_reader import ThreadedReader
from tests.migrated import make_migrated

Opened = tuple[DatabaseAdapter, BlockingReader]

ALL = [Statement(sa.select(table)) for table in metadata.sorted_tables]
EMPTY = [Statement(sa.delete(table)) for table in reversed(metadata.sorted_tables)]


class Store(ABC):
    """A database, and a folder for files beside it. Opened again, it is a server's restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Opened]:
        """The database with all tables."""

    @abstractmethod
    async def content(self) -> bytes:
        """All that is stored."""

    @abstractmethod
    async def empty(self) -> None:
        """Drops what tests have left behind where others come after them."""


class FileStore(Store):
    """SQLite, in the folder."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        path = make_migrated(self.folder / "blrcs.db")
        async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
            yield database, database.reader

    async def content(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.glob("blrcs.db*"))

    async def empty(self) -> None:
        """The folder goes with its test."""


class ServerStore(Store):
    """The database of a server, that others have used before."""

    def __init__(
        self,
        folder: Path,
        connect: Callable[[], Coroutine[Any, Any, DatabaseAdapter]],
        migrate: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(folder)
        self._connect = connect
        self._migrate = migrate

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        await self._migrate()
        reader = ThreadedReader.open(self._connect)
        try:
            async with await self._connect() as database:
                yield database, reader
        finally:
            reader.close()

    async def content(self) -> bytes:
        async with await self._connect() as database:
            rows = [await database.fetch_all(statement) for statement in ALL]
        return repr(rows).encode()

    async def empty(self) -> None:
        """See Store."""
        async with await self._connect() as database:
            for statement in EMPTY:
                await database.execute(statement)
