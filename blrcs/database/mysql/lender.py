"""Lending connections, and taking them back in whatever state they are."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from blrcs.database.mysql.connection import MysqlConnection
from blrcs.database.mysql.connector import KILL_TIMEOUT_S, Connector
from blrcs.database.pool import Pool, PoolLimits, PoolObserver

ROLLBACK_TIMEOUT_S = 2.0


class Lender:
    """A pool of connections.

    A caller that gives up waits for nothing more: what it leaves behind is cleared away by a task
    of its own, and counts as in use until then.

    Attributes:
        query_timeout_s: See PoolLimits.

    Args:
        connector: Opens connections.
        limits: How many.
        observer: Is told of their use.
    """

    def __init__(
        self, connector: Connector, limits: PoolLimits | None, observer: PoolObserver | None
    ) -> None:
        self._connector = connector
        self._pool = Pool(
            connector.connect,
            MysqlConnection.close,
            is_usable=lambda connection: connection.is_usable,
            limits=limits,
            observer=observer,
        )
        self._clearing: set[asyncio.Task[None]] = set()
        self.take = self._pool.take
        self.query_timeout_s = self._pool.query_timeout_s

    @property
    def is_free(self) -> bool:
        """See Pool."""
        return self._pool.is_free

    def take_back(self, connection: MysqlConnection) -> None:
        """Of a caller that is done with it, well or not; nothing is left open on it."""
        if connection.is_busy:
            self._clear(self._kill(connection))
        elif connection.is_open:
            self._pool.give_back(connection)
        else:
            self._pool.discard(connection)

    async def take_back_undone(self, connection: MysqlConnection, *, is_cancelled: bool) -> None:
        """Of a caller whose transaction is to be rolled back.

        Args:
            connection: The connection.
            is_cancelled: The caller has no time to wait for that.
        """
        if not connection.is_open:
            self.take_back(connection)
            return
        undone = self._clear(self._roll_back(connection))
        if not is_cancelled:
            await asyncio.shield(undone)

    async def close(self) -> None:
        """See the port."""
        await self._pool.close()
        if self._clearing:
            await asyncio.wait(self._clearing, timeout=ROLLBACK_TIMEOUT_S + KILL_TIMEOUT_S)

    def _clear(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)
        return task

    async def _kill(self, connection: MysqlConnection) -> None:
        answers = False
        try:
            answers = await self._connector.kill(connection)
        finally:
            self._pool.discard(connection, answers=answers)

    async def _roll_back(self, connection: MysqlConnection) -> None:
        try:
            with suppress(Exception):  # what is not rolled back is closed
                async with asyncio.timeout(ROLLBACK_TIMEOUT_S):
                    await connection.command("ROLLBACK")
        finally:
            self.take_back(connection)
