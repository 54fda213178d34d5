"""SQLite's errors as those of any database."""

import sqlite3
from pathlib import Path

from blrcs.database.errors import (
    DatabaseCorruptError,
    DatabaseLockedError,
    DatabaseOpenError,
    DatabaseUnwritableError,
    IntegrityViolationError,
    ViolationKind,
    unavailable,
)

_UNWRITABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_CONSTRAINTS: dict[int, ViolationKind] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "unique",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "unique",
    sqlite3.SQLITE_CONSTRAINT_ROWID: "unique",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "foreign_key",
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "not_null",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "check",
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


def violation(error: sqlite3.IntegrityError) -> IntegrityViolationError:
    """The constraint that SQLite names. It tells a check by its name, and keys by their columns."""
    kind = _CONSTRAINTS.get(error.sqlite_errorcode, "other")
    _, _, named = str(error).partition("constraint failed: ")
    return IntegrityViolationError(kind, named or None)


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
