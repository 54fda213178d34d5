"""Reads of SQLite that no index answers."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from blrcs.database.sqlite.connection import connect
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.statement import Row, Statement, Values

THREADS = 4
STEPS_BETWEEN_LOOKS = 50_000
"""SQLite's virtual machine takes these in less than a millisecond or two."""


class SqliteScans:
    """Runs them on threads of their own, so that the loop goes on meanwhile.

    Each sees what is committed when it begins. One whose caller has gone ends soon. Belongs to the
    event loop.

    Args:
        path: The file.
        threads: As many run at once.
    """

    def __init__(self, path: Path, *, threads: int = THREADS) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="sqlite-scan")
        self._idle: list[sqlite3.Connection] = []
        self._running: dict[_Scan, asyncio.Future[Any]] = {}

    async def fetch_all(self, statement: Statement, params: dict[str, Any]) -> list[Row]:
        """All rows; raises what SQLite does."""
        compiled = statement.compiled(SQLITE)
        scan = _Scan(compiled.sql, compiled.bind(params))
        connection = self._idle.pop() if self._idle else self._connect()
        run = asyncio.get_running_loop().run_in_executor(self._executor, scan.run, connection)
        self._running[scan] = run
        run.add_done_callback(lambda _: self._ended(scan, connection, run))
        try:
            rows = await asyncio.shield(run)
        except asyncio.CancelledError:
            scan.is_unwanted = True
            raise
        return list(map(compiled.make_row, rows))

    async def close(self) -> None:
        """Ends what runs, and closes all connections."""
        for scan in self._running:
            scan.is_unwanted = True
        await asyncio.to_thread(self._executor.shutdown)
        if self._running:
            # They have ended on their threads, which is still to be told here.
            await asyncio.wait(self._running.values())
        for connection in self._idle:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, any_thread=True)
        connection.execute("PRAGMA query_only=ON")
        return connection

    def _ended(
        self, scan: "_Scan", connection: sqlite3.Connection, run: "asyncio.Future[Any]"
    ) -> None:
        del self._running[scan]
        self._idle.append(connection)
        if not run.cancelled():
            run.exception()  # so that asyncio does not complain where the caller was cancelled


class _Scan:
    """One statement, which ends when nobody wants it any more."""

    def __init__(self, sql: str, values: Values) -> None:
        self._sql = sql
        self._values = values
        self.is_unwanted = False

    def run(self, connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
        """All rows, on whatever thread."""
        if self.is_unwanted:
            return []
        connection.set_progress_handler(lambda: self.is_unwanted, STEPS_BETWEEN_LOOKS)
        try:
            return connection.execute(self._sql, self._values).fetchall()
        finally:
            connection.set_progress_handler(None, 0)
