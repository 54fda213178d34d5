"""What can be wrong with a log of writes."""

from pathlib import Path

from blrcs.domain.errors import OutcomeUnknownError, UnavailableError


class WriteLogError(Exception):
    """The log cannot be opened. Its text is one line for a terminal.

    Attributes:
        place: The path of a file or directory.
    """

    def __init__(self, place: Path, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


class WriteLogLockedError(WriteLogError):
    """Another process holds the directory."""


class WriteLogUnwritableError(WriteLogError):
    """The directory or a file is missing, may not be used, or the disk refuses."""


class WriteLogCorruptError(WriteLogError):
    """What was acknowledged cannot be read any more. Nothing has been changed."""


def not_logged() -> UnavailableError:
    """The refusal of a write that the disk did not take."""
    return UnavailableError("WRITE_LOG_UNAVAILABLE", "the write could not be logged: try again")


def outcome_unknown() -> OutcomeUnknownError:
    """What is told of the writes whose sync failed."""
    return OutcomeUnknownError(
        "OUTCOME_UNKNOWN", "the disk failed on the way: whether the write was logged is not known"
    )


def failed() -> UnavailableError:
    """The refusal of all writes after that."""
    return UnavailableError(
        "WRITE_LOG_FAILED", "the log of writes is not trusted until it is opened anew"
    )


def closed() -> UnavailableError:
    """The refusal of writes after the log was closed."""
    return UnavailableError("WRITE_LOG_CLOSED", "the log of writes is closed")
