"""SQLite behind the port of databases."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from blrcs.database.adapter import (
    BlockingReader,
    DatabaseAdapter,
    Isolation,
    Operation,
    Transaction,
)
from blrcs.database.errors import closed
from blrcs.database.retry import DEFAULT_ATTEMPTS, require_an_attempt
from blrcs.database.sqlite.connection import connect
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.sqlite.lease import IDLE_TIMEOUT_S, Lease
from blrcs.database.sqlite.port_transaction import (
    InPlaceTransaction,
    PortTransaction,
    carry_out,
    require_outside,
    told_as_the_port_does,
)
from blrcs.database.sqlite.reader import SqliteReader
from blrcs.database.sqlite.scans import SqliteScans
from blrcs.database.sqlite.transaction import Transaction as Statements
from blrcs.database.statement import Bound, Row, Statement

Result = TypeVar("Result")

IDLE_READERS = 8


class SqliteAdapter(DatabaseAdapter):
    """One SQLite file.

    Reads run at once, where they are asked: a point read takes less than handing it to a thread.
    Only scans are handed to some.
    Writes go to one thread, which commits what is waiting in groups. ``run`` has its operation run
    on that thread; a ``transaction`` that writes holds the thread for the length of its block, in
    which its task writes by nothing else, and is undone where the block does nothing with it for
    ``idle_timeout_s``.

    Attributes:
        reader: Its reads for those who cannot wait.

    Args:
        database: The file, open; the adapter closes it.
        path: Where it is.
        idle_timeout_s: How long a block may hold the writer between two statements.
    """

    def __init__(
        self, database: SqliteDatabase, path: Path, *, idle_timeout_s: float = IDLE_TIMEOUT_S
    ) -> None:
        self._reader = SqliteReader(database, path)
        self.reader: BlockingReader = self._reader
        self._database = database
        self._path = path
        self._idle_timeout_s = idle_timeout_s
        self._readers: list[sqlite3.Connection] = []
        self._scans = SqliteScans(path)
        self._holders: set[asyncio.Task[Any] | None] = set()
        self._closed = False
        # Once it is closed, and while an operation that reads runs on the loop's thread.
        self._refuses = False

    @classmethod
    def open(cls, path: Path, *, idle_timeout_s: float = IDLE_TIMEOUT_S) -> Self:
        """Opens a file, or creates one without tables.

        Raises:
            DatabaseOpenError: One of its subclasses, each saying in one line what is wrong.
        """
        return cls(SqliteDatabase.join(path), path, idle_timeout_s=idle_timeout_s)

    dialect = SQLITE
    is_shared = False

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        return await self._write(lambda writer: writer.execute(statement, **params))

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        await self._write(lambda writer: writer.execute_many(statement, rows))

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        self._require_open()
        if statement.is_scan:
            rows = await self._scan(statement, params)
            return rows[0] if rows else None
        try:
            return self._database.fetch_one(statement, **params)
        except sqlite3.ProgrammingError:  # as on the writer's thread
            require_outside()
            raise

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        self._require_open()
        if statement.is_scan:
            return await self._scan(statement, params)
        try:
            return self._database.fetch_all(statement, **params)
        except sqlite3.ProgrammingError:
            require_outside()
            raise

    async def run(
        self,
        operation: Operation[Result],
        *,
        isolation: Isolation = Isolation.SERIALIZABLE,
        read_only: bool = False,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> Result:
        """See the port. All are serializable here, and no attempt meets another."""
        del isolation
        require_an_attempt(attempts)

        def run(statements: Statements) -> Result:
            return carry_out(operation, statements)

        if read_only:
            require_outside()
            self._require_open()
            self._refuses = True
            try:
                with told_as_the_port_does():
                    return self._database.read(run)
            finally:
                self._refuses = self._closed
        return await self._write(run)

    def transaction(
        self,
        *,
        isolation: Isolation = Isolation.REPEATABLE_READ,
        read_only: bool = False,
    ) -> AbstractAsyncContextManager[Transaction]:
        """See the port. All are serializable here."""
        del isolation
        return self._snapshot() if read_only else self._leased()

    async def define(self, *elements: sa.schema.ExecutableDDLElement) -> None:
        """See the port: all of them, or none."""
        texts = [str(each.compile(dialect=SQLITE.compiler)) for each in elements]
        await self._write(lambda writer: writer.define(texts))

    async def check(self) -> None:
        """See the port."""
        self._require_open()
        self._database.check()

    async def close(self) -> None:
        """See the port."""
        if self._closed:
            return
        self._closed = self._refuses = True
        self._reader.close()
        for reader in self._readers:
            reader.close()
        await self._scans.close()
        await self._database.close()

    def _require_open(self) -> None:
        if self._refuses:
            require_outside()
            raise closed()

    async def _scan(self, statement: Statement, params: dict[str, Any]) -> list[Row]:
        require_outside()
        with told_as_the_port_does():
            return await self._scans.fetch_all(statement, params)

    def _require_no_block(self) -> None:
        """Who holds the writer would wait for itself, and all others with it."""
        require_outside()
        if self._holders and asyncio.current_task() in self._holders:
            raise RuntimeError("a block that holds the writer writes by its own transaction")

    async def _write(self, operation: Callable[[Statements], Result]) -> Result:
        self._require_no_block()
        with told_as_the_port_does():
            return await self._database.write(operation)

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[Transaction]:
        self._require_no_block()
        lease = Lease(idle_timeout_s=self._idle_timeout_s)
        served = self._database.submit_alone(lease.serve)
        served.add_done_callback(lease.served)
        holder = asyncio.current_task()
        try:
            await lease.begun
            self._holders.add(holder)
            try:
                yield PortTransaction(lease.step)
            finally:
                self._holders.discard(holder)
        except BaseException:
            lease.end(keep=False)
            if lease.begun.done() and not lease.begun.cancelled():
                await asyncio.wait([served])
            else:
                served.cancel()
            raise
        lease.end(keep=True)
        with told_as_the_port_does():
            await served

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Transaction]:
        require_outside()
        self._require_open()
        reader = self._readers.pop() if self._readers else self._open_reader()
        transaction = InPlaceTransaction(Statements(reader))
        try:
            reader.execute("BEGIN")
            yield transaction
        finally:
            transaction.end()
            if reader.in_transaction:
                reader.execute("ROLLBACK")
            if self._closed or len(self._readers) >= IDLE_READERS:
                reader.close()
            else:
                self._readers.append(reader)

    def _open_reader(self) -> sqlite3.Connection:
        reader = connect(self._path)
        reader.execute("PRAGMA query_only=ON")
        return reader
