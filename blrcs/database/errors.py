"""What can be wrong with a database, at start-up and afterwards."""

import sqlite3
from pathlib import Path

from blrcs.domain.errors import UnavailableError

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


class DatabaseOpenError(Exception):
    """The database cannot be opened; the server cannot start.

    Its text is one line for a terminal. It names the path and what is wrong.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class DatabaseUnwritableError(DatabaseOpenError):
    """The directory or file is missing, may not be written, or the disk refuses."""


class DatabaseLockedError(DatabaseOpenError):
    """Another process holds the data directory, or the file."""


class DatabaseCorruptError(DatabaseOpenError):
    """The file is not a database, is damaged, or belongs to another program."""


class DatabaseTooNewError(DatabaseOpenError):
    """A newer version of the program has migrated it; this one would not understand it."""


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


def unavailable() -> UnavailableError:
    """The refusal for a disk that is full or fails."""
    return UnavailableError("DATABASE_UNAVAILABLE", "the database cannot be used now")


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
