"""How far records were handed on, in a file that outlives whoever does so."""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from blrcs.audit.segments import FILE_MODE
from blrcs.domain.audit_event import AuditEvent
from blrcs.files import replace_file

FORMAT = 1


class CursorError(Exception):
    """The cursor cannot be used. Its text is one line for a terminal."""


@dataclass(slots=True)
class Cursor:
    """How far.

    Attributes:
        seen: The last record of each chain.
        inode: Of the file that they were written to; 0 for none. ``size_bytes`` is what was in it.
    """

    seen: dict[str, int] = field(default_factory=dict)
    inode: int = 0
    size_bytes: int = 0

    def take(self, events: Iterable[AuditEvent]) -> Iterator[str]:
        """Goes on behind records; tells of those that were removed in time before they were read.

        All that is kept of a chain that was not seen before is its beginning.
        """
        for event in events:
            chain, seq = event.place.chain, event.place.seq
            expected = self.seen.get(chain, seq - 1) + 1
            if seq > expected:
                yield f"chain {chain}: records {expected} to {seq - 1} are kept no more"
            self.seen[chain] = seq


@contextlib.contextmanager
def held_cursor(path: Path) -> Iterator["CursorFile"]:
    """The cursor in a file, that nobody else uses meanwhile.

    Raises:
        CursorError: Somebody does, or it is no cursor.
        OSError: It cannot be read or written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    if not path.name:
        raise CursorError(f"{path}: is a folder")
    lock = os.open(path.with_name(f"{path.name}.lock"), flags, FILE_MODE)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CursorError(f"{path}: another process follows with it") from None
        yield CursorFile(path)
    finally:
        os.close(lock)


class CursorFile:
    """Where a cursor is kept: as it was saved last, whoever is killed meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cursor = self._load()

    def save(self) -> None:
        """Returns once it is on the disk; CursorError where it cannot be."""
        cursor = self.cursor
        values = {
            "version": FORMAT,
            "seen": cursor.seen,
            "inode": cursor.inode,
            "size_bytes": cursor.size_bytes,
        }
        content = orjson.dumps(values, option=orjson.OPT_SORT_KEYS) + b"\n"
        draft = self._path.with_name(f".{self._path.name}")
        try:
            replace_file(self._path, content, draft=draft, mode=FILE_MODE)
        except OSError as error:
            raise CursorError(f"{self._path}: {error.strerror}") from error

    def _load(self) -> Cursor:
        try:
            values = orjson.loads(self._path.read_bytes())
            return _cursor(values)
        except FileNotFoundError:
            return Cursor()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CursorError(f"{self._path}: is no cursor of `blrcs audit follow`") from None


def _cursor(values: Mapping[str, Any]) -> Cursor:
    if values["version"] != FORMAT:
        raise ValueError("is of another version")
    seen = {str(chain): _count(seq) for chain, seq in values["seen"].items()}
    return Cursor(seen, _count(values["inode"]), _count(values["size_bytes"]))


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("is no count")
    return value
