"""A transaction of PostgreSQL."""

import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from blrcs.database import adapter
from blrcs.database.adapter import STREAMED_ROWS, Isolation
from blrcs.database.errors import outcome_unknown, unavailable
from blrcs.database.postgresql.connection import Connection
from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.postgresql.errors import call_error, is_refusal
from blrcs.database.postgresql.statements import Statements
from blrcs.database.statement import Row, Statement
from blrcs.domain.errors import UnavailableError

Result = TypeVar("Result")


class Transaction(Statements, adapter.Transaction):
    """Runs statements on a connection that is lent to it until it ends."""

    def __init__(self, connection: Connection, *, read_only: bool) -> None:
        self._connection: Connection | None = connection
        self._read_only = read_only
        self._numbers = itertools.count()
        self._owed = ""

    async def begin(self, isolation: Isolation) -> None:
        """Begins it on the server."""
        await self.command(
            f"BEGIN ISOLATION LEVEL {isolation.value}{' READ ONLY' if self._read_only else ''}"
        )

    async def commit(self) -> None:
        """Ends it on the server; it is committed when this returns.

        Raises:
            OutcomeUnknownError: The server was lost before it answered.
            RuntimeError: A statement had failed and the block went on, which undoes all of it.
        """
        if self._connection is not None and self._connection.is_closed():
            raise unavailable()
        try:
            status = await self.command("COMMIT")
        except UnavailableError as error:
            if self._read_only or is_refusal(error.__cause__):
                raise
            raise outcome_unknown() from error.__cause__
        if status != "COMMIT":
            raise RuntimeError("a statement of the transaction had failed, so all of it is undone")

    def end(self) -> None:
        """Whatever is asked of it from here on is refused."""
        self._connection = None

    async def command(self, text: str) -> str:
        """Runs a text without parameters, and returns what the server says of it."""
        status: str = await self._run(lambda connection: connection.execute(text))
        return status

    async def stream(self, statement: Statement, /, **params: Any) -> AsyncGenerator[Row]:
        """See the port."""
        compiled = statement.compiled(POSTGRESQL)
        values = compiled.bind(params)
        cursor = await self._run(lambda connection: connection.open_cursor(compiled.sql, values))
        while records := await self._run(lambda _: cursor.fetch(STREAMED_ROWS)):
            for record in records:
                yield compiled.make_row(record)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """See the port."""
        name = f"s{next(self._numbers)}"
        await self.command(f"SAVEPOINT {name}")
        undo = f"ROLLBACK TO {name}; RELEASE {name};"
        try:
            yield
        except Exception:
            await self.command(undo)
            raise
        except BaseException:
            # Who was cancelled must not wait for a server that may be why. If the transaction goes
            # on after all, this comes first.
            self._owed += undo
            raise
        await self.command(f"RELEASE {name}")

    async def _run(
        self, step: Callable[[Connection], Awaitable[Result]], *, writes: bool = False
    ) -> Result:
        del writes  # what a transaction has written is undone with it
        connection = self._connection
        if connection is None:
            raise RuntimeError("the transaction has ended")
        try:
            if self._owed:
                await connection.execute(self._owed)
                self._owed = ""
            return await step(connection)
        except Exception as error:
            told = call_error(error, is_closed=connection.is_closed(), read_only=self._read_only)
            if told is error:
                raise
            raise told from error
