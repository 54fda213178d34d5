"""SQLite's errors as those of any database."""

import sqlite3
from pathlib import Path

from blrcs.database.errors import (
    DatabaseCorruptError,
    DatabaseLockedError,
    DatabaseOpenError,
    DatabaseUnwritableError,
    unavailable,
)

_UNWRITABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PASSING = _LOCKED | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
}


def open_error(path: Path, error: sqlite3.Error) -> DatabaseOpenError:
    """The start-up error that stands for what SQLite said."""
    code = _primary_code(error)
    if code in _LOCKED:
        return DatabaseLockedError(path, "another process has locked the database")
    if code in _UNWRITABLE:
        return DatabaseUnwritableError(path, f"cannot be written: {error}")
    return DatabaseCorruptError(path, f"is damaged or not a database: {error}")


def call_error(error: sqlite3.Error) -> Exception:
    """What a caller is told: that it may retry, where the disk or a lock is the cause.

    Everything else is a conflict that its repository knows, or a mistake in the program, and stays
    as it is.
    """
    if _primary_code(error) in _PASSING:
        return unavailable()
    return error


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
