"""What can be wrong with a database, at start-up and afterwards."""

from pathlib import Path

from blrcs.domain.errors import UnavailableError


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


def unavailable() -> UnavailableError:
    """The refusal for a disk that is full or fails."""
    return UnavailableError("DATABASE_UNAVAILABLE", "the database cannot be used now")
