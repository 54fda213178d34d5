"""Opening connections, and ending what runs on one that is lost."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import asyncmy
from asyncmy.constants.CLIENT import FOUND_ROWS
from asyncmy.errors import MySQLError

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.mysql.connection import MysqlConnection
from blrcs.database.mysql.errors import UNKNOWN_VARIABLE, call_error, open_error
from blrcs.database.mysql.server import Server
from blrcs.database.mysql.url import MysqlUrl

CONNECT_TIMEOUT_S = 10.0
KILL_TIMEOUT_S = 2.0

SQL_MODE = (
    "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION"
)
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
    (socket.TCP_USER_TIMEOUT, 60_000),
)
"""Seconds, seconds and times, until a peer that has vanished is given up; and milliseconds for one
that was sent something."""


class Connector:
    """Opens connections to one database, all alike.

    Text is utf8mb4 and compared octet by octet, time is UTC, what does not fit its column is an
    error, each statement is a transaction of its own, and an update counts the rows that it finds.
    Repeatable read is what MariaDB's snapshots make of it where it has them
    (``innodb_snapshot_isolation``): no update is lost. MySQL has nothing like it.

    Args:
        url: Where the database is.
        lock_timeout_s: How long a statement waits for another transaction's lock.
    """

    def __init__(self, url: MysqlUrl, *, lock_timeout_s: int) -> None:
        self._url = url
        self._ssl = url.ssl_context()
        self._lock_timeout_s = lock_timeout_s
        self._one_killer = asyncio.Lock()
        self._doomed: set[int] = set()
        self._unwanted: set[asyncio.Task[Any]] = set()

    async def identify(self) -> Server:
        """What server is there, so that what is wrong is known before it is used.

        Raises:
            DatabaseOpenError: It does not answer or lets nobody in, or it is too old.
        """
        try:
            first = await self.open()
        except (MySQLError, OSError, TimeoutError) as error:
            raise open_error(self._url, error) from error
        first.close()
        if first.server.shortcoming is not None:
            raise DatabaseOpenError(self._url.place, first.server.shortcoming)
        return first.server

    async def connect(self) -> MysqlConnection:
        """A connection that is set up.

        Raises:
            UnavailableError: There is none within ``CONNECT_TIMEOUT_S``.
        """
        try:
            return await self.open()
        except (MySQLError, OSError, TimeoutError) as error:
            raise call_error(error) from error

    async def open(self) -> MysqlConnection:
        """As ``connect``, with the driver's errors.

        Raises:
            MySQLError, OSError, TimeoutError: See the driver.
        """
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            driver = await self._login()
            try:
                return await self._set_up(MysqlConnection(driver))
            except BaseException:
                driver.close()
                raise

    async def kill(self, connection: MysqlConnection) -> bool:
        """Has the server end what runs there and roll it back, within ``KILL_TIMEOUT_S``.

        By KILL and not by KILL QUERY, since the driver has closed the connection already. Where
        even that fails, the server rolls back when it finds the connection closed.

        Returns:
            Whether the server answered.
        """
        self._doomed.add(connection.thread_id)
        try:
            with suppress(MySQLError, OSError, TimeoutError):
                async with asyncio.timeout(KILL_TIMEOUT_S), self._one_killer:
                    await self._kill_all()
                return True
            return False
        finally:
            self._doomed.discard(connection.thread_id)

    async def _kill_all(self) -> None:
        """One connection for all who give up at once, so that these do not take even more."""
        if not self._doomed:
            return
        driver = await self._login()
        try:
            while self._doomed:
                with suppress(MySQLError):  # it has ended by itself
                    await driver.query(f"KILL {self._doomed.pop():d}")
        finally:
            driver.close()

    async def _login(self) -> Any:
        """A connection of the driver.

        In a task of its own, since the driver waits by ``asyncio.wait_for``, which in Python 3.11
        may pass over that it was cancelled.
        """
        task = asyncio.get_running_loop().create_task(self._connect())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._unwanted.add(task)
            task.add_done_callback(self._close_unwanted)
            task.cancel()
            raise

    def _close_unwanted(self, task: asyncio.Task[Any]) -> None:
        self._unwanted.discard(task)
        if not task.cancelled() and task.exception() is None:
            task.result().close()

    async def _connect(self) -> Any:
        driver: Any = await asyncmy.connect(
            host=self._url.host,
            port=self._url.port,
            unix_socket=self._url.socket,
            user=self._url.user,
            password=self._url.password.encode(),
            database=self._url.database,
            charset="utf8mb4",
            client_flag=FOUND_ROWS,
            autocommit=None,
            connect_timeout=CONNECT_TIMEOUT_S,
            ssl=self._ssl,
            program_name="blrcs",
        )
        if self._url.socket is None:
            tcp = driver._transport.get_extra_info("socket")  # noqa: SLF001 - as the driver does
            for option, value in _KEEPALIVE:
                tcp.setsockopt(socket.IPPROTO_TCP, option, value)
        return driver

    async def _set_up(self, connection: MysqlConnection) -> MysqlConnection:
        server = connection.server
        if server.shortcoming is not None:
            return connection
        await connection.set_up(
            f"SET NAMES utf8mb4 COLLATE {server.collation}",
            f"SET SESSION sql_mode='{SQL_MODE}', SESSION time_zone='+00:00', SESSION autocommit=1",
            f"SET SESSION innodb_lock_wait_timeout={self._lock_timeout_s:d}",
            "SET SESSION default_storage_engine=InnoDB",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        )
        if server.is_mariadb:
            try:
                await connection.set_up("SET SESSION innodb_snapshot_isolation=ON")
            except MySQLError as error:
                if error.args[0] != UNKNOWN_VARIABLE:
                    raise
        return connection
