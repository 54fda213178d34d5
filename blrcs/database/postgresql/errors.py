"""PostgreSQL's errors as those of any database.

They are told apart by SQLSTATE (PostgreSQL's manual, appendix A).
"""

import asyncpg

from blrcs.database.errors import (
    DatabaseOpenError,
    IntegrityViolationError,
    SerializationError,
    ViolationKind,
    unavailable,
)
from blrcs.domain.errors import InvalidArgumentError

_VIOLATIONS: dict[str, ViolationKind] = {
    "23001": "foreign_key",
    "23502": "not_null",
    "23503": "foreign_key",
    "23505": "unique",
    "23514": "check",
}
_SERIALIZATION = {
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
}
_READ_ONLY = "25006"
_NO_SUCH_TEXT = "22021"  # character_not_in_repertoire
_PASSING_CLASSES = {
    "08",  # connection exception
    "53",  # insufficient resources: disk, memory, connections
    "57",  # operator intervention: shutting down, starting up, cancelled
    "58",  # system error: input or output
}
_PASSING = {
    "25P03",  # a transaction did nothing for longer than the server allows
    "25P04",  # a transaction took longer than the server allows
    "40003",  # whether the statement was completed is unknown
    "55P03",  # a lock was not free in the time that the server allows
}
_UNDECIDED = {
    "08007",  # a transaction's end is unknown
    "40003",  # a statement's is
}


def open_error(place: str, error: BaseException | None, timeout_s: float) -> DatabaseOpenError:
    """The start-up error that stands for what the driver said."""
    if isinstance(error, asyncpg.PostgresError):
        return DatabaseOpenError(place, f"the server refuses: {_one_line(error)}")
    if isinstance(error, TimeoutError):
        return DatabaseOpenError(place, f"does not answer within {timeout_s:g} s")
    if isinstance(error, OSError):
        return DatabaseOpenError(place, f"cannot be reached: {_one_line(error)}")
    # Who knows what part of such a URL is the password. What the driver says may quote it, too.
    return DatabaseOpenError(
        "postgresql",
        "the URL is not one of PostgreSQL, such as "
        "postgresql://user:password@host:5432/name?sslmode=verify-full",
    )


def call_error(error: Exception, *, is_closed: bool, read_only: bool = False) -> Exception:
    """What a caller is told.

    What is a mistake in the program stays as it is.

    Args:
        error: What the driver raised.
        is_closed: Whether the connection is closed.
        read_only: Whether the transaction was begun so that it cannot write.
    """
    state = getattr(error, "sqlstate", None) or ""
    if state[:2] == "23":
        return violation(error)
    if state in _SERIALIZATION or isinstance(error, asyncpg.InvalidCachedStatementError):
        return SerializationError()
    if state == _NO_SUCH_TEXT:
        # Other databases keep a zero character: it is for whoever sent it to know.
        return InvalidArgumentError("request", "has a text with a NUL character in it")
    if _is_passing(error, state, is_closed=is_closed, read_only=read_only):
        return unavailable()
    return error


def _is_passing(error: Exception, state: str, *, is_closed: bool, read_only: bool) -> bool:
    if state == _READ_ONLY:
        # Of a transaction that may write, it is the server that only reads: it became a standby.
        return not read_only
    if state[:2] in _PASSING_CLASSES or state in _PASSING or isinstance(error, OSError):
        return True
    return is_closed and isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError)


def is_refusal(error: BaseException | None) -> bool:
    """Whether the server says of a write that it is not done.

    An ERROR undoes it; who ends a connection with FATAL or PANIC may have committed before.
    """
    if getattr(error, "severity_en", None) != "ERROR":
        return False
    return getattr(error, "sqlstate", None) not in _UNDECIDED


def violation(error: Exception) -> IntegrityViolationError:
    """The constraint that PostgreSQL names, or the column where it is one that is not null."""
    kind = _VIOLATIONS.get(getattr(error, "sqlstate", ""), "other")
    constraint = getattr(error, "constraint_name", None)
    if constraint is None and kind == "not_null":
        table = getattr(error, "table_name", None)
        constraint = f"{table}.{getattr(error, 'column_name', None)}"
    return IntegrityViolationError(kind, constraint)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
