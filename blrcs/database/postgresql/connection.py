"""Connections to PostgreSQL."""

import asyncio
import select
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg
import sqlalchemy as sa
from asyncpg.cursor import Cursor
from asyncpg.prepared_stmt import PreparedStatement

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.postgresql.loads import kinds_of, octets_of

Result = TypeVar("Result")

CONNECT_TIMEOUT_S = 10.0
PREPARED_STATEMENTS = 256
"""How many a connection holds; the one that is held for longest makes room."""
LOOK_AGAIN_S = 0.01
KEEPALIVE_IDLE_S = 30
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 3
UNANSWERED_MS = 60_000
"""How long the host may leave what was sent without a sign; probes are for who sends nothing."""


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that can tell whether the server has ended it.

    Statements are prepared when they are first run on it, and held. Where a table has changed
    since, one is prepared again, unless a transaction is running.
    """

    __slots__ = ("_arrived", "_looked_at_s", "_prepared", "_sending")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._prepared: dict[str, PreparedStatement] = {}
        self._looked_at_s = time.monotonic()
        self._sending: asyncio.Task[object] | None = None
        connected = self._transport.get_extra_info("socket")
        if connected.family != socket.AF_UNIX:
            _keep_alive(connected)
        self._arrived = select.poll()
        self._arrived.register(connected.fileno(), select.POLLIN)

    @classmethod
    async def open(cls, url: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Self:
        """Connects.

        Raises:
            Exception: Whatever the driver says. It may quote the URL, with its password.
        """
        connection: Self = await asyncpg.connect(
            url,
            timeout=timeout_s,
            connection_class=cls,
            # What the URL says goes before it.
            server_settings={} if "application_name=" in url else {"application_name": "blrcs"},
        )
        return connection

    def is_usable(self) -> bool:
        """Whether it is open. Nothing comes from a server while nothing runs, but a farewell.

        The socket is looked at where the loop may not have come to it for a while.
        """
        if self.is_closed():
            return False
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_AGAIN_S:
            return True
        self._looked_at_s = now_s
        return not self._arrived.poll(0)

    async def run(
        self, sql: str, values: Iterable[Any], how: Callable[..., Awaitable[Result]]
    ) -> Result:
        """Runs a statement in one of the ways that a prepared one knows."""
        prepared = self._prepared.get(sql)
        if prepared is None:
            prepared = await self._hold(sql)
        try:
            return await how(prepared, *values)
        except asyncpg.InvalidCachedStatementError:
            # Of this statement; others over the same table follow when they are run.
            del self._prepared[sql]
            if self.is_in_transaction():
                raise
        except asyncpg.OutdatedSchemaCacheError:
            del self._prepared[sql]
            raise
        return await how(await self._hold(sql), *values)

    async def run_many(self, sql: str, rows: Sequence[Iterable[Any]]) -> None:
        """Runs a statement once for each row. Whoever is cancelled leaves at once."""
        await self._send(self.run(sql, [rows], PreparedStatement.executemany))

    async def load(self, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Copies rows into all columns of a table. Whoever is cancelled leaves at once."""
        columns = [column.name for column in table.columns]
        kinds = kinds_of(table)
        if kinds is None:
            load = self.copy_records_to_table(table.name, records=rows, columns=columns)
        else:
            # The driver would ask the server first what the columns are.
            load = self.copy_to_table(
                table.name, source=octets_of(rows, kinds), columns=columns, format="binary"
            )
        await self._send(load)

    async def _send(self, all_of_it: Coroutine[Any, Any, object]) -> None:
        """Sends what may be much.

        The driver forgets a cancellation that comes while the server does not read what it sends.
        """
        self._sending = sending = asyncio.create_task(all_of_it)
        try:
            await asyncio.shield(sending)
        except BaseException:
            sending.cancel()
            sending.add_done_callback(_retrieve)
            raise
        self._sending = None

    async def open_cursor(self, sql: str, values: Iterable[Any]) -> Cursor:
        """Rows to be fetched bit by bit, within a transaction."""

        async def how(prepared: PreparedStatement, *values: Any) -> Cursor:
            return await prepared.cursor(*values)

        return await self.run(sql, values, how)

    async def settle(self) -> None:
        """Waits until what was cancelled has ended on the server, and undoes its transaction."""
        if self._sending is not None:
            await asyncio.wait([self._sending])
            self._sending = None
        with suppress(asyncpg.InFailedSQLTransactionError):
            await self.execute("SELECT 1")
        if self.is_in_transaction():
            await self.execute("ROLLBACK")

    async def _hold(self, sql: str) -> PreparedStatement:
        if len(self._prepared) >= PREPARED_STATEMENTS:
            del self._prepared[next(iter(self._prepared))]
        prepared = self._prepared[sql] = await self.prepare(sql)
        return prepared


def _keep_alive(connected: socket.socket) -> None:
    """Has the system notice a host that is gone, and firewalls not forget what is idle."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MS)


def _retrieve(task: asyncio.Task[object]) -> None:
    """Nobody is left to be told how it ended."""
    if not task.cancelled():
        task.exception()


def require_utf8(connection: Connection, url: str) -> None:
    """Texts are whatever a caller sends, and keys are in the order of their octets.

    Raises:
        DatabaseOpenError: The database has another encoding.
    """
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise DatabaseOpenError(place(url), f"is encoded in {encoding}; it has to be UTF8")


def place(url: str) -> str:
    """Where a URL leads, without the secrets that it may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "postgresql"
    if "@" in parts.path + parts.query + parts.fragment:
        # A password with such a character as it is, of which parts are anywhere.
        return "postgresql"
    hosts = parts.netloc.rpartition("@")[2] or ",".join(parse_qs(parts.query).get("host", []))
    return f"postgresql://{hosts}{parts.path}"
