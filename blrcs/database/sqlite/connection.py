"""SQLite connections, set up for this server."""

import errno
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from blrcs.database.data_directory import FILE_MODE
from blrcs.database.errors import DatabaseCorruptError, DatabaseUnwritableError
from blrcs.database.sqlite.errors import open_error
from blrcs_native.databases.sqlite_inserts import SqliteInserts

DEFAULT_BUSY_TIMEOUT_MS = 5000
CACHED_STATEMENTS = 256
JOURNAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
PAGE_BYTES = 8192
"""Of a file that is made anew. Each page is written to the log, and carried over, by calls of its
own: with SQLite's 4096 the rows of a batch, or of a group of creations, take twice as many. Where a
single row is changed, a larger page is written as a whole."""
CHECKPOINT_BYTES = 16 * 1024 * 1024
"""The log is carried over into the file when it has as many. By then most pages have been written
several times, and are carried over once."""
QUICK_CHECK_MAX_BYTES = 256 * 1024 * 1024
"""Up to this size a file is read through at every start; beyond it that would delay the start."""


# The module takes int, float and str as they are, and asks of everything else how to adapt it, in
# three steps that fail. With these it finds an answer at the first one.
_NOTHING: dict[None, None] = {}
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(type(None), _NOTHING.get)


class Connection(sqlite3.Connection):
    """One that adds many rows quicker than the module does.

    Attributes:
        inserts: What adds them, if that is available.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Opens it, as the module does."""
        self.inserts = SqliteInserts(partial(super().__init__, *args, **kwargs))

    def close(self) -> None:
        """See the module. Nothing that was prepared keeps the file open."""
        self.inserts.close()
        super().close()


def connect(
    path: Path, *, busy_timeout_ms: int = DEFAULT_BUSY_TIMEOUT_MS, any_thread: bool = False
) -> Connection:
    """A connection in autocommit mode: a transaction lasts from a BEGIN to its COMMIT.

    Writes are durable when COMMIT returns (WAL, synchronous=FULL). A schema that somebody tampered
    with cannot call functions with side effects (trusted_schema=OFF).

    Args:
        path: The file; it is created where it is missing, for its owner alone.
        busy_timeout_ms: How long a statement waits for another process's lock.
        any_thread: Whether a thread other than the caller's may use it; never two at once.

    Raises:
        DatabaseOpenError: One of its subclasses.
    """
    try:
        _make_file(path)
    except OSError as error:
        raise DatabaseUnwritableError(path, f"cannot be written: {error.strerror}") from error
    try:
        connection = sqlite3.connect(
            path,
            timeout=busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=not any_thread,
            cached_statements=CACHED_STATEMENTS,
            factory=Connection,
        )
    except sqlite3.Error as error:
        raise open_error(path, error) from error
    try:
        _set_up(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise open_error(path, error) from error
    except DatabaseUnwritableError:
        connection.close()
        raise
    return connection


def _make_file(path: Path) -> None:
    # A file that is there must not be opened here: the kernel drops all locks that the process has
    # on it as soon as any descriptor of it is closed. Other processes would then take a database
    # that is in use for one that nobody uses, and delete its log.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA foreign_keys=ON")
    # One that is there keeps its own.
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise DatabaseUnwritableError(
            path, "is on a file system that cannot hold a write-ahead log"
        )
    connection.execute("PRAGMA synchronous=FULL")
    # Its own reading of 17 digits is not always the nearest double.
    connection.create_function("blrcs_number", 1, float, deterministic=True)
    connection.execute(f"PRAGMA journal_size_limit={JOURNAL_SIZE_LIMIT_BYTES}")
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_BYTES // page_bytes}")


def check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    """Reads the whole file, where it is not too large, and finds pages that are damaged.

    Raises:
        DatabaseCorruptError: There are some.
        DatabaseOpenError: The file could not be read.
    """
    if path.stat().st_size > QUICK_CHECK_MAX_BYTES:
        return
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise open_error(path, error) from error
    if verdict != "ok":
        raise DatabaseCorruptError(path, f"is damaged: {' '.join(verdict.split())}")
