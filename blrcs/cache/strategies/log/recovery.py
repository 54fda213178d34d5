"""What a log holds when it is opened, whatever became of the process before."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import structlog

from blrcs.cache.strategies.log.errors import WriteLogCorruptError, WriteLogUnwritableError
from blrcs.cache.strategies.log.segment import (
    IDENTITY_BYTES,
    SUFFIX,
    UNFINISHED,
    Segment,
    read_segment,
    write_whole,
)
from blrcs.domain.logged_write import LoggedWrite

log = structlog.get_logger("blrcs.cache")


@dataclass(frozen=True, slots=True)
class RecoveredFile:
    """A file that stays until what it holds is applied."""

    path: Path
    last: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log as it was found.

    Attributes:
        identity: Random bytes; those of another log are others.
        files: In their order.
        writes: All that the files hold, in order.
    """

    identity: bytes
    files: Sequence[RecoveredFile]
    writes: Sequence[LoggedWrite]

    @property
    def last(self) -> int:
        """The last sequence that was given, as far as the files tell; 0 for none."""
        return self.files[-1].last if self.files else 0


def recover(directory: Path) -> Recovered:
    """Reads the log in a directory that is held, and makes an end to its last file.

    That file is copied and replaced: so what is torn is gone from it, and what was read is on disk
    even where a sync of it failed before (after which the kernel shows pages that the disk does not
    have).

    Raises:
        WriteLogCorruptError: What was acknowledged cannot be read. Nothing has been changed.
        WriteLogUnwritableError: The disk refuses.
    """
    try:
        segments = _read(directory)
        for unfinished in directory.glob(f"*{UNFINISHED}"):
            unfinished.unlink()
        if segments:
            _finish(segments[-1])
    except OSError as error:
        raise WriteLogUnwritableError(directory, f"cannot be used: {error.strerror}") from error
    identity = segments[0].head.identity if segments else secrets.token_bytes(IDENTITY_BYTES)
    return Recovered(
        identity,
        [RecoveredFile(each.path, each.last, each.good_bytes) for each in segments],
        [write for segment in segments for write in segment.writes],
    )


def _read(directory: Path) -> list[Segment]:
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    segments = [read_segment(path, is_last=path == paths[-1]) for path in paths]
    for before, segment in pairwise(segments):
        if segment.head.identity != before.head.identity:
            raise WriteLogCorruptError(segment.path, "belongs to another log than its neighbours")
        if segment.head.follows != before.last:
            raise WriteLogCorruptError(
                segment.path,
                f"follows write {segment.head.follows}, but the file before ends with "
                f"{before.last}: a file is missing",
            )
    return segments


def _finish(segment: Segment) -> None:
    content = segment.path.read_bytes()[: segment.good_bytes]
    write_whole(segment.path, content)
    torn_bytes = segment.size_bytes - segment.good_bytes
    if torn_bytes:
        log.warning(
            "a log of writes ended in what was never acknowledged, which was cut",
            path=str(segment.path),
            torn_bytes=torn_bytes,
        )
