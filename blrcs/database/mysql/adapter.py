"""MySQL and MariaDB behind the port of databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.errors import outcome_unknown, query_timed_out, unavailable
from blrcs.database.mysql.connection import MysqlConnection, Result
from blrcs.database.mysql.connector import Connector
from blrcs.database.mysql.errors import is_refusal
from blrcs.database.mysql.lender import Lender
from blrcs.database.mysql.transaction import MysqlTransaction, beginning, bound
from blrcs.database.mysql.url import MysqlUrl
from blrcs.database.pool import PoolLimits, PoolObserver
from blrcs.database.statement import Bound, CompiledStatement, Row, Statement
from blrcs.domain.errors import UnavailableError

DEFAULT_LOCK_TIMEOUT_S = 10
CHECK_TIMEOUT_S = 5.0


class MysqlAdapter(DatabaseAdapter):
    """A database of a MySQL or MariaDB server.

    Both speak one protocol; where they differ, ``dialect`` is that of what is there. The server has
    to be MariaDB 10.6 or MySQL 8.0.17 at least, and tables InnoDB's. Each definition is committed
    by itself.

    Args:
        dialect: The server's.
        lender: Its connections; the adapter closes it.
    """

    def __init__(self, dialect: Dialect, lender: Lender) -> None:
        self._dialect = dialect
        self._lender = lender

    @classmethod
    async def open(
        cls,
        url: str,
        limits: PoolLimits | None = None,
        observer: PoolObserver | None = None,
        *,
        lock_timeout_s: int = DEFAULT_LOCK_TIMEOUT_S,
    ) -> Self:
        """Connects once, so that what is wrong is known at the start.

        Args:
            url: See ``MysqlUrl.parse``.
            limits: How many connections there may be.
            observer: Is told of their use.
            lock_timeout_s: How long a statement waits for another transaction's lock, before it
                raises SerializationError.

        Raises:
            DatabaseOpenError: The URL is wrong, the server does not answer or lets nobody in, or it
                is too old.
        """
        parsed = MysqlUrl.parse(url)
        connector = Connector(parsed, lock_timeout_s=lock_timeout_s)
        server = await connector.identify()
        return cls(server.dialect, Lender(connector, limits, observer))

    @property
    def dialect(self) -> Dialect:
        """See the port."""
        return self._dialect

    @property
    def is_free(self) -> bool:
        """See the port."""
        return self._lender.is_free

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        return (await self._run(compiled, params, writes=True)).affected_rows

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        async with self.transaction() as transaction:
            await transaction.execute_many(statement, rows)

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        rows = (await self._run(compiled, params)).rows
        return compiled.make_row(rows[0]) if rows else None

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        compiled = statement.compiled(self._dialect)
        rows = (await self._run(compiled, params)).rows
        return [compiled.make_row(row) for row in rows or ()]

    @asynccontextmanager
    async def transaction(
        self,
        *,
        isolation: Isolation = Isolation.REPEATABLE_READ,
        read_only: bool = False,
    ) -> AsyncIterator[Transaction]:
        """See the port.

        A reader at repeatable read sees the moment at which it began. A writer there meets a
        SerializationError where it changes what another has changed since it first read; on MySQL,
        which does not tell, it has to be serializable for that.
        """
        connection = await self._begin(beginning(isolation, read_only=read_only))
        transaction = MysqlTransaction(connection, self._dialect, read_only=read_only)
        try:
            yield transaction
            await transaction.commit()
        except BaseException as error:
            transaction.end()
            is_cancelled = isinstance(error, asyncio.CancelledError)
            await self._lender.take_back_undone(connection, is_cancelled=is_cancelled)
            raise
        transaction.end()
        self._lender.take_back(connection)

    async def define(self, *elements: sa.schema.ExecutableDDLElement) -> None:
        """See the port: each is committed by itself, and those before one that fails stay."""
        texts = [str(each.compile(dialect=self._dialect.compiler)) for each in elements]
        connection = await self._lender.take()
        try:
            for text in texts:
                await connection.command(text)
        finally:
            self._lender.take_back(connection)

    async def check(self) -> None:
        """See the port, within ``CHECK_TIMEOUT_S`` for the answer."""
        connection = await self._lender.take()
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await connection.command("DO 0")
        except TimeoutError as error:
            raise unavailable() from error
        finally:
            self._lender.take_back(connection)

    async def close(self) -> None:
        """See the port."""
        await self._lender.close()

    async def _run(
        self, compiled: CompiledStatement, params: dict[str, Any], *, writes: bool = False
    ) -> Result:
        values = bound(compiled, params)
        connection = await self._lender.take()
        patience = asyncio.timeout(None if writes else self._lender.query_timeout_s)
        try:
            async with patience:
                return await connection.execute(compiled.sql, values)
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise query_timed_out() from error
        except UnavailableError as error:
            if not writes or is_refusal(error.__cause__):
                raise
            raise outcome_unknown() from error.__cause__
        finally:
            self._lender.take_back(connection)

    async def _begin(self, sql: str) -> MysqlConnection:
        connection = await self._lender.take()
        try:
            await connection.command(sql)
        except BaseException:
            self._lender.take_back(connection)
            raise
        return connection
