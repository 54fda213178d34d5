"""The embedded database."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from blrcs.database.errors import unavailable
from blrcs.database.sqlite.connection import DEFAULT_BUSY_TIMEOUT_MS, check_integrity, connect
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.sqlite.errors import call_error
from blrcs.database.sqlite.group_writer import DEFAULT_GROUP_SIZE, DEFAULT_QUEUE_SIZE, GroupWriter
from blrcs.database.sqlite.migrate import migrate
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.sqlite.write_turn import WriteTurn
from blrcs.database.statement import Row, Statement

Result = TypeVar("Result")

WRITER_CACHE_KIB = 8192
"""Room for the pages that most groups of batches change. What is beyond it is written to the log
before the commit, some pages several times."""


def connect_up_to_date(
    path: Path, *, busy_timeout_ms: int = DEFAULT_BUSY_TIMEOUT_MS
) -> sqlite3.Connection:
    """A connection for any thread to a file that has been checked and migrated.

    Raises:
        DatabaseOpenError: One of its subclasses.
    """
    connection = connect(path, busy_timeout_ms=busy_timeout_ms, any_thread=True)
    try:
        check_integrity(connection, path)
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteDatabase:
    """One SQLite file: reads run where they are asked, writes on one thread.

    A point read takes less than handing it to a thread would, so ``fetch_one`` and ``fetch_all``
    block the loop for it; they are for statements that an index answers. They see every write that
    has been acknowledged, each at its own moment: reads that must agree with each other, or with a
    write, belong into an operation.

    To be opened on the thread of the loop that uses it; the server holds the data directory. The
    processes of one server open it each for itself: their writers wait for each other.
    """

    def __init__(self, reader: sqlite3.Connection, writer: GroupWriter) -> None:
        reader.execute("PRAGMA query_only=ON")
        self._reader = reader
        self._read_transaction = Transaction(reader)
        self._writer = writer

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        busy_timeout_ms: int = DEFAULT_BUSY_TIMEOUT_MS,
        group_size: int = DEFAULT_GROUP_SIZE,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> Self:
        """Opens the file, creates it where it is missing, checks it and migrates it.

        Blocks: milliseconds for a small file that is up to date, a second for the first migration.

        Raises:
            DatabaseOpenError: One of its subclasses, each saying in one line what is wrong.
        """
        connection = connect_up_to_date(path, busy_timeout_ms=busy_timeout_ms)
        return cls._over(
            connection, path, busy_timeout_ms, group_size=group_size, queue_size=queue_size
        )

    @classmethod
    def join(cls, path: Path, *, busy_timeout_ms: int = DEFAULT_BUSY_TIMEOUT_MS) -> Self:
        """Opens a file that another process of the same server has opened already.

        Raises:
            DatabaseOpenError: One of its subclasses.
        """
        connection = connect(path, busy_timeout_ms=busy_timeout_ms, any_thread=True)
        return cls._over(connection, path, busy_timeout_ms)

    @classmethod
    def _over(
        cls, connection: sqlite3.Connection, path: Path, busy_timeout_ms: int, **sizes: int
    ) -> Self:
        with ExitStack() as opened:
            opened.callback(connection.close)
            # What the savepoints of a group keep; in a file of its own it would take longer to make
            # that than to write all the rest.
            connection.execute("PRAGMA temp_store=MEMORY")
            connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}")
            reader = connect(path, busy_timeout_ms=busy_timeout_ms)
            opened.callback(reader.close)
            turn = WriteTurn.open(path, timeout_s=busy_timeout_ms / 1000)
            opened.pop_all()
        return cls(reader, GroupWriter(connection, turn, **sizes))

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row, or None where there is none.

        Raises:
            UnavailableError: The disk fails, or another process keeps the file locked.
        """
        try:
            return self._read_transaction.fetch_one(statement, **params)
        except sqlite3.OperationalError as error:
            raise call_error(error) from error

    def finder(
        self, statement: Statement, names: tuple[str, ...]
    ) -> Callable[..., Row | None] | None:
        """What does as ``fetch_one`` for values of these parameters, if that is their order.

        For statements that find one row: whatever they find is read.
        """
        compiled = statement.compiled(SQLITE)
        if compiled.bind({name: name for name in names}) != names:
            return None
        # One cursor for all: read to its end it holds no snapshot.
        cursor = self._reader.cursor()
        execute, fetch_all, sql = cursor.execute, cursor.fetchall, compiled.sql
        make_row = compiled.make_row if compiled.converts else None

        def find(*values: Any) -> Row | None:
            try:
                execute(sql, values)
                rows = fetch_all()
            except sqlite3.OperationalError as error:
                raise call_error(error) from error
            if not rows:
                return None
            return rows[0] if make_row is None else make_row(rows[0])

        return find

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """All rows.

        Raises:
            UnavailableError: The disk fails, or another process keeps the file locked.
        """
        try:
            return self._read_transaction.fetch_all(statement, **params)
        except sqlite3.OperationalError as error:
            raise call_error(error) from error

    def read(self, operation: Callable[[Transaction], Result]) -> Result:
        """Runs what only reads, at once; all that it reads is of one moment.

        Raises:
            UnavailableError: The disk fails, or another process keeps the file locked.
        """
        try:
            self._reader.execute("BEGIN")
            try:
                return operation(self._read_transaction)
            finally:
                self._reader.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise call_error(error) from error

    async def write(self, operation: Callable[[Transaction], Result]) -> Result:
        """Runs it on the writer's thread and returns its result once it is durable.

        It is atomic: what it raises is raised here, and undoes all that it did and nothing else. It
        must not wait for anything. If the caller is cancelled, it may be committed nevertheless.

        Raises:
            ResourceExhaustedError: Too many writes are waiting.
            UnavailableError: The disk is full or fails, another process keeps the file locked, or
                the database is closed. Nothing has been changed.
        """
        result: Result = await self._writer.submit(operation)
        return result

    def submit_alone(self, operation: Callable[[Transaction], Result]) -> asyncio.Future[Result]:
        """As write, for an operation that takes long: no other's commit waits for it."""
        return self._writer.submit(operation, alone=True)

    def check(self) -> None:
        """Reads from the file; UnavailableError where that fails."""
        try:
            self._reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise unavailable() from error

    async def close(self) -> None:
        """Finishes the writes that are queued, refuses others, and closes the file."""
        await asyncio.to_thread(self._writer.close)
        self._reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
