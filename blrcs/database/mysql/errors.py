"""MySQL's and MariaDB's errors as those of any database.

Numbers are those of https://mariadb.com/kb/en/mariadb-error-codes/ and MySQL's
"Server Error Message Reference"; those from 2000 to 2999 are the client's own.
"""

import re

from asyncmy.errors import MySQLError

from blrcs.database.errors import (
    DatabaseOpenError,
    IntegrityViolationError,
    SerializationError,
    ViolationKind,
    unavailable,
)
from blrcs.database.mysql.url import MysqlUrl

UNKNOWN_VARIABLE = 1193

_CLIENT_ERRORS = range(2000, 3000)
_KINDS: dict[int, ViolationKind] = {
    1022: "unique",
    1062: "unique",
    1169: "unique",
    1586: "unique",
    1216: "foreign_key",
    1217: "foreign_key",
    1451: "foreign_key",
    1452: "foreign_key",
    1048: "not_null",
    1263: "not_null",
    1364: "not_null",
    3819: "check",
    4025: "check",
}
_NAMES: dict[ViolationKind, re.Pattern[str]] = {
    "unique": re.compile(r"for key '(?:[^']*\.)?([^'.]+)'$"),
    "foreign_key": re.compile(r"CONSTRAINT `([^`]+)`"),
    "not_null": re.compile(r"[Cc]olumn '([^']+)'|Field '([^']+)'"),
    "check": re.compile(r"CONSTRAINT `([^`]+)`|[Cc]heck constraint '([^']+)'"),
}
_IN_THE_WAY = {
    1020,  # a row was changed since the snapshot (MariaDB's innodb_snapshot_isolation)
    1205,  # a lock was waited for too long
    1213,  # deadlock
    3101,  # the group has changed it first (MySQL's group replication)
    3572,  # NOWAIT
}
_PASSING = {
    1021,  # disk full
    1026,  # a file cannot be written
    1030,  # the storage engine failed
    1037,  # out of memory
    1038,  # out of memory for sorting
    1040,  # too many connections
    1041,  # out of memory
    1044,  # no access to the database, which was there when it was opened
    1045,  # no access at all
    1047,  # a node of a Galera cluster that is not ready
    1053,  # shutting down
    1114,  # a table, or its disk, is full
    1129,  # the host is blocked
    1135,  # no thread
    1152,  # connection aborted
    1153,  # packet too large, or broken
    1158,  # network
    1159,  # network: too slow
    1160,  # network
    1161,  # network: too slow
    1184,  # connection aborted
    1203,  # too many connections of the user
    1226,  # the user's quota is used up
    1290,  # the server is read-only
    1317,  # somebody ended the query
    1461,  # too many prepared statements
    1615,  # tables changed all the time
    1836,  # the server is read-only
    1927,  # somebody ended the connection
    1969,  # the server's own time-out, of MariaDB
    3024,  # and of MySQL
    3169,  # somebody ended the session
    4031,  # it was idle for too long
}
_HANGING_UP = {
    1053,  # shutting down
    1152,  # connection aborted
    1158,  # network
    1159,  # network: too slow
    1160,  # network
    1161,  # network: too slow
    1184,  # connection aborted
    1927,  # somebody ended the connection
    3169,  # somebody ended the session
    4031,  # it was idle for too long
}


def is_refusal(error: BaseException | None) -> bool:
    """Whether the server says of a write that it is not done.

    Who ends a connection, or is lost with it, may have committed before.
    """
    return isinstance(error, MySQLError) and is_answer(error) and _number(error) not in _HANGING_UP


def is_answer(error: MySQLError) -> bool:
    """Whether the server said it, in answer to what was asked."""
    number = _number(error)
    return number >= 1000 and number not in _CLIENT_ERRORS  # noqa: PLR2004 - the first of a server


def call_error(error: Exception) -> Exception:
    """What a caller is told.

    A mistake in the program stays as it is, such as a value too long for its column, or a write
    where only reading is allowed.
    """
    if isinstance(error, TimeoutError | OSError | EOFError):
        return unavailable()
    if not isinstance(error, MySQLError):
        return error
    number = _number(error)
    if number in _IN_THE_WAY:
        return SerializationError("another transaction is in the way")
    kind = _KINDS.get(number)
    if kind is not None:
        return _violation(kind, str(error.args[1]))
    if number in _PASSING or not is_answer(error):
        return unavailable()
    return error


def open_error(url: MysqlUrl, error: Exception) -> DatabaseOpenError:
    """The start-up error that stands for a connection that failed."""
    if isinstance(error, TimeoutError):
        return DatabaseOpenError(url.place, "it does not answer in time")
    said = error.args[1] if len(error.args) > 1 else error
    return DatabaseOpenError(url.place, " ".join(f"cannot be opened: {said}".split()))


def _violation(kind: ViolationKind, message: str) -> IntegrityViolationError:
    """The constraint that is named; of a column that cannot be null, the column."""
    found = _NAMES[kind].search(message)
    name = next(filter(None, found.groups()), None) if found else None
    return IntegrityViolationError(kind, name)


def _number(error: MySQLError) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0
