"""Servers on one PostgreSQL tell each other by LISTEN and NOTIFY that something was stored."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

import structlog

from blrcs.application.ports.announcer import STORED, Hear
from blrcs.database.postgresql.connection import Connection
from blrcs.resilience.news import ANYTHING, MAX_SUBJECTS, News, heard
from blrcs.resilience.traffic import Traffic

CHANNEL = "blrcs"
PAUSE_S, LONGEST_PAUSE_S = 1.0, 16.0
TELL_TIMEOUT_S = 10.0
MAX_PAYLOAD_BYTES = 7000
"""PostgreSQL takes 7999."""
TELL = f"SELECT pg_notify('{CHANNEL}', subject) FROM unnest($1::text[]) AS told (subject)"  # noqa: S608

log = structlog.get_logger("blrcs.database")


class PostgresqlAnnouncer:
    """Implements the Announcer port, on a connection of its own beside the pool.

    What was written is announced after it is committed, and not in its transaction: PostgreSQL has
    all transactions that notify commit one after another, each with its own wait for the disk,
    while here one notification tells of what was written during the one before, and waits for no
    disk. A process that dies in between has told nobody: others find out when they look.

    Whoever can reach the database can notify, and without end. One who hears more than it has time
    for stops listening for a while: it looks by itself as soon as it listens again.

    Args:
        connect: Opens a connection.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._news = News()
        self._is_away = False
        self._traffic = Traffic()
        self._is_flooded = False
        self._pause_s = PAUSE_S

    def announce(self, subject: str) -> None:
        """See the port."""
        self._news.add(subject)

    async def run(self, hear: Hear) -> None:
        """See the port."""
        while True:
            try:
                await self._converse(hear)
            except Exception as error:  # noqa: BLE001 - the driver's, of which the next try knows
                if self._is_flooded:
                    self._flooded()
                else:
                    self._lost(error)
            await asyncio.sleep(self._pause_s)

    async def _converse(self, hear: Hear) -> None:
        """Tells and listens until the connection ends; returns or raises then."""
        connection = await self._connect()
        ended = asyncio.Event()

        def told(_connection: object, sender: int, _channel: str, subject: str) -> None:
            if sender == own or ended.is_set():
                return
            self._traffic.heard(1 + subject.count(" ") // MAX_SUBJECTS)
            if self._traffic.is_too_much:
                self._is_flooded = True
                ended.set()
            else:
                hear(heard(subject.split(" ")))

        try:
            own = connection.get_server_pid()
            connection.add_termination_listener(lambda _connection: ended.set())
            # It writes nothing that anybody would miss.
            await connection.execute("SET synchronous_commit = off")
            await connection.add_listener(CHANNEL, told)
            self._found()
            hear(None)
            await self._tell_until(ended, connection)
        finally:
            connection.terminate()

    async def _tell_until(self, ended: asyncio.Event, connection: Connection) -> None:
        telling = asyncio.create_task(self._tell(connection))
        ending = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait((telling, ending), return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                raise ConnectionResetError
            telling.result()
        finally:
            for task in (telling, ending):
                task.cancel()
                with suppress(BaseException):
                    await task

    async def _tell(self, connection: Connection) -> None:
        while True:
            subjects = await self._news.take()
            try:
                await connection.execute(TELL, payloads(subjects), timeout=TELL_TIMEOUT_S)
            except BaseException:
                self._news.add(*subjects)
                raise
            await self._traffic.told()

    def _flooded(self) -> None:
        """Has it listen ever more seldom, until there was no flood for a minute."""
        self._is_flooded = False
        if self._traffic.flood_begins(CHANNEL):
            self._pause_s = PAUSE_S
        else:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _lost(self, error: Exception) -> None:
        self._pause_s = PAUSE_S
        if not self._is_away:
            self._is_away = True
            log.warning("announcements have to wait", error=type(error).__name__)

    def _found(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("announcements go on")


def payloads(subjects: Collection[str]) -> list[str]:
    """What is notified of some subjects: as few texts as they fit into.

    Servers of before read one subject in each, and miss others than ``STORED`` until they look.
    """
    found = [subject for subject in subjects if subject in {STORED, ANYTHING}]
    joined = ""
    for subject in subjects:
        if subject in found:
            continue
        if joined and len(joined) + len(subject) >= MAX_PAYLOAD_BYTES:
            found.append(joined)
            joined = ""
        joined = f"{joined} {subject}".strip()
    return [*found, joined] if joined else found
