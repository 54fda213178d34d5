"""Where chains lie: one folder for each, with files of consecutive records.

``audit/CHAIN/00000000000000000001.jsonl``: a file is named by the first record in it.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blrcs.audit.line import MAX_LINE_BYTES

FOLDER = "audit"
KEY_FILE = "audit_key.pem"
KEYS_FILE = "keys.jsonl"
HEAD = "head"
LOCK = "lock"
RESTORED_MARK = "restored"
"""Is in the folder of a chain that was restored, and that nobody writes to."""
FILE_MODE, DIRECTORY_MODE = 0o600, 0o700
_CHAIN = re.compile(r"[0-9a-f]{16}")
_SEGMENT = re.compile(r"([0-9]{20})\.jsonl")


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of records."""

    path: Path
    first_seq: int


def chains_in(directory: Path) -> list[Path]:
    """The folders of all chains, in the order of their names; none where there is no audit log."""
    try:
        return sorted(each for each in directory.iterdir() if _CHAIN.fullmatch(each.name))
    except FileNotFoundError:
        return []


def segments_in(chain: Path) -> list[Segment]:
    """The files of a chain, oldest first."""
    found = ((path, _SEGMENT.fullmatch(path.name)) for path in sorted(chain.iterdir()))
    return [Segment(path, int(match[1])) for path, match in found if match is not None]


def hold(chain: Path) -> int | None:
    """A descriptor that holds a chain for whoever writes it; None where another one does."""
    lock = os.open(chain / LOCK, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_restored(chain: Path) -> bool:
    """Whether it came from a backup, and has a server's own chains go on without it."""
    return (chain / RESTORED_MARK).exists()


def is_written(chain: Path) -> bool:
    """Whether a process holds the chain."""
    try:
        lock = os.open(chain / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def segment_path(chain: Path, first_seq: int) -> Path:
    """Where the file is that begins with a record."""
    return chain / f"{first_seq:020d}.jsonl"


def raw_lines(path: Path, offset: int = 0) -> Iterator[bytes]:
    """The lines of a file from a place on; the last may lack its end.

    A line that is longer than any record comes in pieces, which are none.
    """
    with path.open("rb") as file:
        file.seek(offset)
        while raw := file.readline(MAX_LINE_BYTES):
            yield raw
