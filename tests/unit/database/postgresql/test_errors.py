import asyncpg
import pytest

from blrcs.database.errors import IntegrityViolationError, SerializationError
from blrcs.database.postgresql.errors import call_error, open_error
from blrcs.domain.errors import UnavailableError


def told(error: Exception, *, is_closed: bool = False, read_only: bool = False) -> Exception:
    return call_error(error, is_closed=is_closed, read_only=read_only)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.AdminShutdownError("SECRET"),
        asyncpg.CannotConnectNowError("SECRET"),
        asyncpg.QueryCanceledError("SECRET"),
        asyncpg.TooManyConnectionsError("SECRET"),
        asyncpg.DiskFullError("SECRET"),
        asyncpg.OutOfMemoryError("SECRET"),
        asyncpg.PostgresIOError("SECRET"),
        asyncpg.ConnectionDoesNotExistError("SECRET"),
        asyncpg.StatementCompletionUnknownError("SECRET"),
        asyncpg.LockNotAvailableError("SECRET"),
        asyncpg.IdleInTransactionSessionTimeoutError("SECRET"),
        asyncpg.ReadOnlySQLTransactionError("SECRET"),
        ConnectionResetError("SECRET"),
        TimeoutError("SECRET"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_is_unavailability_and_says_no_more(error: Exception) -> None:
    answer = told(error)
    assert isinstance(answer, UnavailableError)
    assert "SECRET" not in str(answer)
    assert answer.metadata == {}


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.SerializationError(""),
        asyncpg.DeadlockDetectedError(""),
        asyncpg.InvalidCachedStatementError(""),
    ],
)
def test_what_met_another_transaction_may_be_run_again(error: Exception) -> None:
    assert isinstance(told(error), SerializationError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.UniqueViolationError(""), "unique"),
        (asyncpg.ForeignKeyViolationError(""), "foreign_key"),
        (asyncpg.RestrictViolationError(""), "foreign_key"),
        (asyncpg.CheckViolationError(""), "check"),
        (asyncpg.ExclusionViolationError(""), "other"),
    ],
)
def test_a_violation_is_of_a_kind(error: Exception, kind: str) -> None:
    answer = told(error)
    assert isinstance(answer, IntegrityViolationError)
    assert answer.kind == kind


def test_a_closed_connection_is_unavailability() -> None:
    error = asyncpg.InterfaceError("connection is closed")
    assert isinstance(told(error, is_closed=True), UnavailableError)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UndefinedTableError(""),
        asyncpg.PostgresSyntaxError(""),
        asyncpg.InFailedSQLTransactionError(""),
        asyncpg.NumericValueOutOfRangeError(""),
        asyncpg.InterfaceError("another operation is in progress"),
        ValueError(""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_mistake_in_the_program_stays_what_it_is(error: Exception) -> None:
    assert told(error) is error


def test_a_write_where_only_reads_were_asked_for_stays_what_it_is() -> None:
    error = asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction")
    assert told(error, read_only=True) is error


def test_what_stops_the_start_is_one_line() -> None:
    error = OSError("Multiple exceptions:\n one,\n two")
    assert (
        str(open_error("here", error, 5))
        == "here: cannot be reached: Multiple exceptions: one, two"
    )
