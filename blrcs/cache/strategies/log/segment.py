"""One file of a log: a head, and records in their order.

The head says which log it belongs to, the first sequence that its records may have, and the last
that stands in the files before it.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import google_crc32c

from blrcs.cache.strategies.log.errors import WriteLogCorruptError
from blrcs.cache.strategies.log.record import RecordFormat
from blrcs.domain.logged_write import LoggedWrite
from blrcs.files import sync_directory

IDENTITY_BYTES = 16
SUFFIX = ".log"
UNFINISHED = ".new"
FILE_MODE = 0o600

_MARK = b"BLRCSWL1"
_FIELDS = struct.Struct(f"<8s{IDENTITY_BYTES}sQQ")
_CHECKSUM = struct.Struct("<I")
HEAD_BYTES = _FIELDS.size + _CHECKSUM.size


@dataclass(frozen=True, slots=True)
class Head:
    """How a file begins.

    Attributes:
        identity: The log's.
        first: The least sequence of its records.
        follows: The last sequence of the file before it, 0 for none.
    """

    identity: bytes
    first: int
    follows: int

    def encode(self) -> bytes:
        """As it stands in the file."""
        fields = _FIELDS.pack(_MARK, self.identity, self.first, self.follows)
        return fields + _CHECKSUM.pack(google_crc32c.value(fields))

    @classmethod
    def decode(cls, data: bytes) -> Self | None:
        """None where it is none, or damaged."""
        if len(data) < HEAD_BYTES:
            return None
        fields, (checksum,) = data[: _FIELDS.size], _CHECKSUM.unpack_from(data, _FIELDS.size)
        mark, identity, first, follows = _FIELDS.unpack(fields)
        if mark != _MARK or checksum != google_crc32c.value(fields):
            return None
        return cls(identity, first, follows)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file as it was read.

    Attributes:
        path: Where it is.
        head: How it begins.
        writes: What its whole records say.
        good_bytes: Where the last of them ends.
        size_bytes: Where the file ends.
    """

    path: Path
    head: Head
    writes: Sequence[LoggedWrite]
    good_bytes: int
    size_bytes: int

    @property
    def last(self) -> int:
        """The last sequence in this file or those before it."""
        return self.writes[-1].sequence if self.writes else self.head.follows


def path_of(directory: Path, first: int) -> Path:
    """The file whose records begin with a sequence; names sort as their sequences do."""
    return directory / f"{first:020d}{SUFFIX}"


def read_segment(path: Path, *, is_last: bool) -> Segment:
    """Reads a file.

    What was being written when the process or the machine died may be torn. It was the last group
    of the last file, and was not acknowledged: it ends what is read. Damage anywhere else is not.

    Raises:
        WriteLogCorruptError: There is damage in what was acknowledged.
        OSError: It cannot be read.
    """
    data = path.read_bytes()
    head = Head.decode(data)
    if head is None:
        raise WriteLogCorruptError(path, "its head is damaged, nothing of it can be read")
    records = RecordFormat(head.identity)
    place, expected = HEAD_BYTES, head.first
    writes: list[LoggedWrite] = []
    for record in records.decode_all(data, place):
        if record.write.sequence != expected:
            raise _corrupt(path, place, f"write {expected} is missing")
        writes.append(record.write)
        place, expected = record.end, expected + 1
    if place < len(data):
        # A later group is only written when all before it is on disk.
        acknowledged = any(found.group > expected for found in records.find(data, place))
        if acknowledged or not is_last:
            raise _corrupt(path, place, f"write {expected} is damaged")
    return Segment(path, head, writes, place, len(data))


def write_whole(path: Path, content: bytes) -> None:
    """Puts a file in place that is there and on disk as a whole, or not at all.

    Raises:
        OSError: The disk refuses.
    """
    unfinished = path.with_suffix(UNFINISHED)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    try:
        write_at(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.replace(path)
    sync_directory(path.parent)


def write_at(descriptor: int, content: bytes, place: int) -> None:
    """Writes all of it, which the kernel may do in parts."""
    left = memoryview(content)
    while left:
        written = os.pwrite(descriptor, left, place)
        left, place = left[written:], place + written


def _corrupt(path: Path, place: int, problem: str) -> WriteLogCorruptError:
    return WriteLogCorruptError(path, f"{problem} at byte {place}, and was acknowledged")
