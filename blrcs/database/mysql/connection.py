"""A connection to MySQL or MariaDB.

Statements are prepared on the server and values are sent apart from them, in the binary protocol:
nothing is ever escaped. The text protocol carries fixed commands alone, such as COMMIT.
"""

import asyncio
import datetime as dt
import select
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Protocol

from asyncmy.errors import MySQLError
from asyncmy.protocol import pack_binary_params

from blrcs.database.mysql.errors import call_error, is_answer
from blrcs.database.mysql.server import Server
from blrcs.domain.errors import UnavailableError

KEPT_STATEMENTS = 64
"""Prepared statements of one connection. A server has room for 16,382 of all its clients."""

_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})
_SENDABLE = (str, bytes, bytearray, int, float, type(None), Decimal, dt.date, dt.time, dt.timedelta)
_QUIT = b"\x01\x00\x00\x00\x01"  # COM_QUIT, with its length and number before it


class Result(Protocol):
    """What the driver makes of an answer."""

    rows: tuple[tuple[Any, ...], ...] | None
    affected_rows: int


class MysqlConnection:
    """One connection, for one caller at a time, on one of asyncmy's that is logged in.

    Where a caller is cancelled while it waits for an answer, the driver closes the connection, and
    the server goes on unawares: ``is_busy`` stays, for whoever has it ended there.

    Attributes:
        is_busy: The last command was sent, or may have been, and its answer was not read.
        max_packet_bytes: The largest command that the server takes.
        server: What is there.
        thread_id: What the server calls the connection.
    """

    def __init__(self, driver: Any) -> None:
        self.is_busy = False
        self.max_packet_bytes = 0
        self._is_dismissed = False
        self.server = Server.named(driver.get_server_info())
        self.thread_id: int = driver.thread_id()
        self._driver = driver
        self._transport: asyncio.Transport = driver._transport  # noqa: SLF001 - no other way
        self._prepared: dict[str, Any] = {}
        self._arrived = select.poll()
        self._arrived.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)

    @property
    def is_open(self) -> bool:
        """Whether it is open, as far as the event loop has heard, and nothing is under way."""
        lost = self.is_busy or self._is_dismissed
        return not lost and not self._driver._stream_broken  # noqa: SLF001 - as its own pool does

    @property
    def is_usable(self) -> bool:
        """Whether it is open, and the server has said nothing unasked.

        What a server says to one who asks nothing is goodbye; here it is seen before the event loop
        hears of it.
        """
        return self.is_open and not self._arrived.poll(0)

    async def set_up(self, *commands: str) -> None:
        """Runs commands, and learns what the server takes.

        Raises:
            MySQLError: The server refuses one.
        """
        await self._driver.query("; ".join([*commands, "SELECT @@max_allowed_packet"]))
        await self._read_all()
        ((self.max_packet_bytes,),) = self._driver._result.rows  # noqa: SLF001 - see _read_all

    async def execute(self, sql: str, values: Sequence[Any]) -> Result:
        """Runs a statement with ``?`` for each value.

        Raises:
            IntegrityViolationError, SerializationError, UnavailableError: See the port.
            MySQLError: The server refuses it for another reason.
            TypeError, ValueError: A value cannot be sent, or they are more than the server takes.
        """
        if not _PLAIN.issuperset(map(type, values)):
            _require_sendable(values)
        self.is_busy = True
        try:
            prepared = self._prepared.pop(sql, None)
            if prepared is None:
                prepared = await self._prepare(sql)
            self._prepared[sql] = prepared
            result: Result = await prepared.execute(values)
        except MySQLError as error:
            raise self._told(error, values) from error
        except (TypeError, ValueError):
            self.is_busy = _can_be_sent(values)
            raise
        self.is_busy = False
        return result

    async def command(self, sql: str) -> None:
        """Runs what has neither values nor rows; or several, with semicolons between them.

        Raises:
            IntegrityViolationError, SerializationError, UnavailableError: See the port.
            MySQLError: The server refuses it for another reason.
        """
        self.is_busy = True
        try:
            await self._driver.query(sql)
            await self._read_all()
        except MySQLError as error:
            raise self._told(error, ()) from error
        self.is_busy = False

    async def stream(
        self, sql: str, values: Sequence[Any], batch_size: int
    ) -> AsyncGenerator[list[tuple[Any, ...]]]:
        """Rows of a statement, a batch at a time; the server waits while nobody asks for more.

        The driver streams in the text protocol alone. So the statement and its values go to the
        server as values of variables, and are prepared and run there by their names. Closed before
        its end, it reads and drops what is left.

        Raises:
            SerializationError, UnavailableError: See the port.
            MySQLError: The server refuses it for another reason.
        """
        names = [f"@blrcs_{number}" for number in range(len(values))]
        settings = ", ".join(f"{name} = ?" for name in ("@blrcs_sql", *names))
        await self.execute(f"SET {settings}", (sql, *values))
        await self.command("PREPARE blrcs_stream FROM @blrcs_sql")
        using = f" USING {', '.join(names)}" if names else ""
        self.is_busy = True
        try:
            await self._driver.query(f"EXECUTE blrcs_stream{using}", unbuffered=True)
            result = self._driver._result  # noqa: SLF001 - its cursor takes as many as there are
            try:
                while (first := await result._read_rowdata_packet_unbuffered()) is not None:  # noqa: SLF001
                    self._transport.pause_reading()  # or the driver takes in all that comes
                    try:
                        yield [first, *result._take_pending_rows(batch_size - 1)]  # noqa: SLF001
                    finally:
                        self._transport.resume_reading()
            except GeneratorExit:
                await result._finish_unbuffered_query()  # noqa: SLF001
        except MySQLError as error:
            raise self._told(error, ()) from error
        self.is_busy = False

    def release(self) -> Any:
        """The driver's connection, for who closes it; this object is not used any more."""
        return self._driver

    def close(self) -> None:
        """Takes leave of the server, and waits for nothing."""
        with suppress(MySQLError):
            self._driver._write_bytes(_QUIT)  # noqa: SLF001 - ensure_closed() would wait
        if self._transport.get_extra_info("ssl_object") is not None:
            self._transport.abort()  # would wait for the server to end TLS, which it does not
        self._driver.close()

    async def _read_all(self) -> None:
        """Reads the answers to all of several commands; a cursor would ask for warnings too."""
        while self._driver._result.has_next:  # noqa: SLF001
            await self._driver.next_result()

    async def _prepare(self, sql: str) -> Any:
        if len(self._prepared) >= KEPT_STATEMENTS:
            longest_unused = next(iter(self._prepared))
            await self._prepared.pop(longest_unused).close()
        return await self._driver.prepare(sql)

    def _told(self, error: MySQLError, values: Sequence[Any]) -> Exception:
        """What the caller is told.

        After some errors the server hangs up, and which ones it does not say. One that is sent too
        much hangs up too, which looks as if it were down.
        """
        told = call_error(error)
        self.is_busy = not is_answer(error)
        self._is_dismissed = isinstance(told, UnavailableError)
        if self._is_dismissed and size_bytes(values) > self.max_packet_bytes:
            return ValueError("the values are larger than the server's max_allowed_packet")
        return told


def size_bytes(values: Sequence[Any]) -> int:
    """What values take at least when they are sent."""
    return sum(len(each) if isinstance(each, str | bytes | bytearray) else 8 for each in values)


def _require_sendable(values: Sequence[Any]) -> None:
    """The driver would send what ``str`` makes of any other value."""
    for value in values:
        if not isinstance(value, _SENDABLE):
            raise TypeError(f"a value of type {type(value).__name__} cannot be sent")


def _can_be_sent(values: Sequence[Any]) -> bool:
    try:
        pack_binary_params(tuple(values), "utf8")
    except (TypeError, ValueError):
        return False
    return True
