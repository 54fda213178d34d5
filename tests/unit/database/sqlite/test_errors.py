import sqlite3
from pathlib import Path

import pytest

from blrcs.database.errors import (
    DatabaseCorruptError,
    DatabaseLockedError,
    DatabaseUnwritableError,
)
from blrcs.database.sqlite.errors import call_error, open_error
from blrcs.domain.errors import UnavailableError

PATH = Path("/data/blrcs.db")


def failure(code):
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, DatabaseLockedError),
        (sqlite3.SQLITE_BUSY_RECOVERY, DatabaseLockedError),
        (sqlite3.SQLITE_CANTOPEN, DatabaseUnwritableError),
        (sqlite3.SQLITE_READONLY_DIRECTORY, DatabaseUnwritableError),
        (sqlite3.SQLITE_FULL, DatabaseUnwritableError),
        (sqlite3.SQLITE_IOERR_FSYNC, DatabaseUnwritableError),
        (sqlite3.SQLITE_NOTADB, DatabaseCorruptError),
        (sqlite3.SQLITE_CORRUPT_INDEX, DatabaseCorruptError),
    ],
)
def test_a_failure_at_start_up_names_the_path_in_one_line(code, kind):
    error = open_error(PATH, failure(code))

    assert type(error) is kind
    assert str(error).startswith("/data/blrcs.db: ")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_BUSY_SNAPSHOT,
        sqlite3.SQLITE_NOMEM,
    ],
)
def test_what_passes_is_told_as_unavailable_without_sqlites_words(code):
    told = call_error(failure(code))

    assert isinstance(told, UnavailableError)
    assert "SQLite" not in told.message


@pytest.mark.parametrize(
    "error",
    [
        failure(sqlite3.SQLITE_ERROR),
        failure(sqlite3.SQLITE_CONSTRAINT_UNIQUE),
        failure(sqlite3.SQLITE_CORRUPT),
        failure(sqlite3.SQLITE_READONLY),
        sqlite3.ProgrammingError("no code"),
    ],
)
def test_what_a_retry_cannot_mend_stays_as_it_is(error):
    assert call_error(error) is error
