"""PostgreSQL behind the port of databases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Self, TypeVar

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation
from blrcs.database.errors import outcome_unknown, query_timed_out, unavailable
from blrcs.database.pool import Pool, PoolLimits, PoolObserver
from blrcs.database.postgresql.announcer import PostgresqlAnnouncer
from blrcs.database.postgresql.connection import (
    CONNECT_TIMEOUT_S,
    Connection,
    place,
    require_utf8,
)
from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.postgresql.errors import call_error, is_refusal, open_error
from blrcs.database.postgresql.statements import Statements
from blrcs.database.postgresql.transaction import Transaction
from blrcs.domain.errors import UnavailableError

Result = TypeVar("Result")

RECOVERY_TIMEOUT_S = 2.0
"""How long a connection whose caller is gone may take to become usable again."""


class PostgresqlAdapter(Statements, DatabaseAdapter):
    """One database of a PostgreSQL server.

    A statement outside a transaction costs one round trip: a connection comes out of the pool as it
    is, where the statement is prepared already. A caller that is cancelled is gone at once; its
    statement is cancelled on the server meanwhile, and its connection comes back to the pool after
    that, or is closed.

    Args:
        pool: Connections.
    """

    def __init__(self, pool: Pool[Connection]) -> None:
        self._pool = pool
        self._recoveries: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        limits: PoolLimits | None = None,
        observer: PoolObserver | None = None,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> Self:
        """Connects once, so that what is wrong is known at the start.

        Args:
            url: ``postgresql://user:password@host:port/name?sslmode=...``, with libpq's parameters;
                what it leaves out comes from libpq's variables, and passwords from its file.
            limits: Of the pool.
            observer: Is told of the pool.
            connect_timeout_s: How long connecting may take.

        Raises:
            DatabaseOpenError: It cannot be reached, refuses, or cannot hold our texts. Names host,
                port and database, and no password.
        """
        connect = partial(_connect, url, connect_timeout_s)
        pool = Pool(
            connect,
            Connection.terminate,
            is_usable=Connection.is_usable,
            limits=limits,
            observer=observer,
        )
        adapter = cls(pool)
        adapter.announcer = PostgresqlAnnouncer(connect)
        try:
            connection = await pool.take()
        except UnavailableError as error:
            raise open_error(place(url), error.__cause__, connect_timeout_s) from None
        pool.give_back(connection)
        try:
            require_utf8(connection, url)
        except BaseException:
            await adapter.close()
            raise
        return adapter

    dialect = POSTGRESQL

    @property
    def is_free(self) -> bool:
        """See the port."""
        return self._pool.is_free

    @property
    def connections_in_use(self) -> int:
        """How many are lent, recovering, or being opened."""
        return self._pool.in_use

    @asynccontextmanager
    async def transaction(
        self,
        *,
        isolation: Isolation = Isolation.REPEATABLE_READ,
        read_only: bool = False,
    ) -> AsyncIterator[Transaction]:
        """See the port."""
        connection = await self._pool.take()
        transaction = Transaction(connection, read_only=read_only)
        try:
            await transaction.begin(isolation)
            yield transaction
            await transaction.commit()
        except BaseException as error:
            transaction.end()
            await self._undo(connection, error)
            raise
        transaction.end()
        self._pool.give_back(connection)

    async def define(self, *elements: sa.schema.ExecutableDDLElement) -> None:
        """See the port: all of them, or none."""
        async with self.transaction() as transaction:
            for element in elements:
                await transaction.command(str(element.compile(dialect=POSTGRESQL.compiler)))

    async def check(self) -> None:
        """See the port."""
        await self._run(lambda connection: connection.execute("SELECT 1"))

    async def close(self) -> None:
        """See the port. What still runs after the pool's time of grace is cut off."""
        await self._pool.close()
        if self._recoveries:
            await asyncio.wait(self._recoveries)

    async def _run(
        self, step: Callable[[Connection], Awaitable[Result]], *, writes: bool = False
    ) -> Result:
        connection = self._pool.take_idle()
        if connection is None:
            connection = await self._pool.take()
        patience = asyncio.timeout(None if writes else self._pool.query_timeout_s)
        try:
            async with patience:
                result = await step(connection)
        except BaseException as error:
            if patience.expired() and isinstance(error, TimeoutError):
                self._recover_later(connection)
                raise query_timed_out() from error
            told = (
                call_error(error, is_closed=connection.is_closed())
                if isinstance(error, Exception)
                else error
            )
            if writes and isinstance(told, UnavailableError) and not is_refusal(error):
                told = outcome_unknown()
            self._take_back(connection, told)
            if told is error:
                raise
            raise told from error
        self._pool.give_back(connection)
        return result

    async def _undo(self, connection: Connection, error: BaseException) -> None:
        """Undoes what a connection's transaction did, if anything is left of it."""
        if isinstance(error, Exception) and not connection.is_closed():
            try:
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
            except asyncio.CancelledError as cancelled:
                self._take_back(connection, cancelled)
                raise
            except BaseException as second:
                self._pool.discard(connection)
                if not isinstance(second, Exception):
                    raise
                return
        self._take_back(connection, error)

    def _take_back(self, connection: Connection, error: BaseException) -> None:
        """Takes a connection back on which something went wrong."""
        if isinstance(error, asyncio.CancelledError):
            self._recover_later(connection)
        elif (
            connection.is_closed()
            or isinstance(error, UnavailableError)
            or not isinstance(error, Exception)
        ):
            self._pool.discard(connection)
        else:
            self._pool.give_back(connection)

    def _recover_later(self, connection: Connection) -> None:
        """Takes one back on which something was cancelled, once that has ended."""
        recovery = asyncio.create_task(self._recover(connection))
        self._recoveries.add(recovery)
        recovery.add_done_callback(self._recoveries.discard)

    async def _recover(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(RECOVERY_TIMEOUT_S):
                await connection.settle()
        except BaseException as error:
            self._pool.discard(connection)
            if not isinstance(error, Exception):
                raise
        else:
            self._pool.give_back(connection)


async def _connect(url: str, timeout_s: float) -> Connection:
    try:
        return await Connection.open(url, timeout_s=timeout_s)
    except Exception as error:
        raise unavailable() from error
