"""What can be wrong with a database, at start-up and afterwards."""

from pathlib import Path
from typing import Literal

from blrcs.domain.errors import (
    DeadlineExceededError,
    DomainError,
    OutcomeUnknownError,
    UnavailableError,
)

ViolationKind = Literal["unique", "foreign_key", "not_null", "check", "other"]


class DatabaseOpenError(Exception):
    """The database cannot be opened; the server cannot start.

    Its text is one line for a terminal. It names the place and what is wrong.

    Attributes:
        place: The path of a file or directory; or where a server is, without a password.
    """

    def __init__(self, place: Path | str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


class DatabaseUnwritableError(DatabaseOpenError):
    """The directory or file is missing, may not be written, or the disk refuses."""


class DatabaseLockedError(DatabaseOpenError):
    """Another process holds the data directory, or the file."""


class DatabaseCorruptError(DatabaseOpenError):
    """The file is not a database, is damaged, or belongs to another program."""


class DatabaseTooNewError(DatabaseOpenError):
    """A newer version of the program has migrated it; this one would not understand it."""


class DatabaseOutdatedError(DatabaseOpenError):
    """Migrations are to be run, and not by this process."""


class SerializationError(Exception):
    """Another transaction is in the way, and nothing of this one stays: it may be run again."""


class IntegrityViolationError(Exception):
    """A constraint of the schema forbids a change.

    Attributes:
        kind: Which kind of constraint.
        constraint: Its name, as far as the database tells it; for programs, not for callers.
    """

    def __init__(
        self,
        kind: ViolationKind,
        constraint: str | None = None,
    ) -> None:
        super().__init__(f"{kind}: {constraint}" if constraint else kind)
        self.kind = kind
        self.constraint = constraint


class ConflictError(DomainError):
    """Others change the same at the same time, again and again (ABORTED)."""

    code = "ABORTED"

    def __init__(self, attempts: int) -> None:
        super().__init__(
            "TRANSACTION_CONFLICT",
            "others change the same at the same time: try again",
            metadata={"attempts": str(attempts)},
        )


def unavailable() -> UnavailableError:
    """The refusal for a disk that is full or fails."""
    return UnavailableError("DATABASE_UNAVAILABLE", "the database cannot be used now")


def outcome_unknown() -> OutcomeUnknownError:
    """What is told of a write whose end the database was not there to confirm."""
    return OutcomeUnknownError(
        "OUTCOME_UNKNOWN", "the database was lost on the way: whether it was written is not known"
    )


def query_timed_out() -> DeadlineExceededError:
    """The refusal of a read that a lock, a lost connection or its own work held up for too long.

    Not one that callers, or other replicas, are to try again: it would take as long.
    """
    return DeadlineExceededError("QUERY_TIMED_OUT", "the database took too long to answer")


def closed() -> UnavailableError:
    """The refusal after the database was closed."""
    return UnavailableError("DATABASE_CLOSED", "the database is closed")
