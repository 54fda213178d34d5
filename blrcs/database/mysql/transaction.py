"""A transaction of MySQL or MariaDB."""

import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from blrcs.database.adapter import STREAMED_ROWS, Isolation, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.errors import SerializationError, outcome_unknown, unavailable
from blrcs.database.mysql.batch import batches
from blrcs.database.mysql.connection import MysqlConnection, Result
from blrcs.database.mysql.errors import is_refusal
from blrcs.database.statement import Bound, CompiledStatement, Row, Statement
from blrcs.domain.errors import UnavailableError


def beginning(isolation: Isolation, *, read_only: bool) -> str:
    """What begins a transaction. Connections are set to repeatable read."""
    modes = ["READ ONLY"] if read_only else []
    if read_only and isolation is Isolation.REPEATABLE_READ:
        modes.append("WITH CONSISTENT SNAPSHOT")
    begin = " ".join(["START TRANSACTION", ", ".join(modes)]).rstrip()
    if isolation is Isolation.REPEATABLE_READ:
        return begin
    return f"SET TRANSACTION ISOLATION LEVEL {isolation.value}; {begin}"


class MysqlTransaction(Transaction):
    """Runs statements on a connection where a transaction has begun.

    After a SerializationError every method raises it again: the server has rolled back, and what
    followed would be committed one by one.
    """

    def __init__(
        self, connection: MysqlConnection, dialect: Dialect, *, read_only: bool = False
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._read_only = read_only
        self._is_undone = False
        self._has_ended = False
        self._pending: str | None = None
        self._names = (f"s{number}" for number in itertools.count())

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        return (await self._run(compiled.sql, bound(compiled, params))).affected_rows

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        values = compiled.bind_many(rows)
        room = self._connection.max_packet_bytes
        for sql, together in batches(compiled.sql, values, max_packet_bytes=room):
            await self._run(sql, together)

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        rows = (await self._run(compiled.sql, bound(compiled, params))).rows
        return compiled.make_row(rows[0]) if rows else None

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        rows = (await self._run(compiled.sql, bound(compiled, params))).rows
        return [compiled.make_row(row) for row in rows or ()]

    async def stream(self, statement: Statement, /, **params: Any) -> AsyncGenerator[Row]:
        """See the port. Any other statement meanwhile is a RuntimeError."""
        compiled = statement.compiled(self._dialect)
        values = bound(compiled, params)
        await self._get_ready()
        try:
            async with aclosing(
                self._connection.stream(compiled.sql, values, STREAMED_ROWS)
            ) as batches_of_rows:
                async for rows in batches_of_rows:
                    for row in rows:
                        yield compiled.make_row(row)
        except SerializationError:
            await self._undo()
            raise

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """See the port."""
        name = next(self._names)
        await self._command(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            # Before whatever comes next, if anything does: one who gives up waits for nothing more.
            self._pending = f"ROLLBACK TO SAVEPOINT {name}"
            raise
        await self._command(f"RELEASE SAVEPOINT {name}")

    async def commit(self) -> None:
        """Makes it last.

        Raises:
            OutcomeUnknownError: The server was lost before it answered.
            SerializationError: Another transaction is in the way, or was, and nothing is left.
        """
        await self._get_ready()
        if not self._connection.is_open:
            raise unavailable()
        try:
            await self._command("COMMIT")
        except UnavailableError as error:
            if self._read_only or is_refusal(error.__cause__):
                raise
            raise outcome_unknown() from error.__cause__

    def end(self) -> None:
        """Whatever is asked of it from here on is refused: others get the connection."""
        self._has_ended = True

    async def _run(self, sql: str, values: Sequence[Any]) -> Result:
        await self._get_ready()
        try:
            return await self._connection.execute(sql, values)
        except SerializationError:
            await self._undo()
            raise

    async def _command(self, sql: str) -> None:
        await self._get_ready()
        try:
            await self._connection.command(sql)
        except SerializationError:
            await self._undo()
            raise

    async def _get_ready(self) -> None:
        if self._has_ended:
            raise RuntimeError("the transaction has ended")
        if self._is_undone:
            raise SerializationError("the transaction was undone before")
        if self._connection.is_busy:
            raise RuntimeError("rows of a stream are still to be read")
        if self._pending is not None:
            await self._connection.command(self._pending)
            self._pending = None

    async def _undo(self) -> None:
        """A lock that was waited for too long undoes the statement alone; all has to go."""
        self._is_undone = True
        with suppress(UnavailableError):  # then the connection is closed, and all goes with it
            await self._connection.command("ROLLBACK")


def bound(compiled: CompiledStatement, params: dict[str, Any]) -> tuple[Any, ...]:
    """The values of a statement; those for MySQL are in their order."""
    values: Any = compiled.bind(params)
    ordered: tuple[Any, ...] = values
    return ordered
