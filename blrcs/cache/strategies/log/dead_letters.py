"""Writes that were set aside, since whom they are for refuses them."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blrcs.cache.strategies.log.errors import WriteLogCorruptError, WriteLogUnwritableError
from blrcs.cache.strategies.log.segment import FILE_MODE, write_at, write_whole
from blrcs.domain.logged_write import LoggedWrite
from blrcs.files import sync_directory

NAME = "dead_letters.jsonl"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A write that was not carried out, and why."""

    write: LoggedWrite
    problem: str


class DeadLetters:
    """A file with a line of JSON for each. Blocks; belongs to one thread at a time.

    Nothing removes what is in it but its reader: it may be moved away while no process has the log
    open.

    Args:
        directory: That of the log.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def recover(self) -> frozenset[int]:
        """The sequences that are in it. A line that was not finished is cut.

        Raises:
            WriteLogCorruptError: It is not what this class writes.
            WriteLogUnwritableError: The disk refuses.
        """
        try:
            content = self._path.read_bytes() if self._path.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                write_whole(self._path, whole)
        except OSError as error:
            problem = f"cannot be used: {error.strerror}"
            raise WriteLogUnwritableError(self._path, problem) from error
        return frozenset(each.write.sequence for each in _parse(self._path, whole))

    def add(self, letter: DeadLetter) -> None:
        """Adds one, and returns when it is on disk.

        Raises:
            OSError: It is not.
        """
        write = letter.write
        line = {
            "sequence": write.sequence,
            "key": write.key,
            "value": None if write.value is None else base64.b64encode(write.value).decode(),
            "time_ns": write.time_ns,
            "problem": letter.problem,
        }
        content = json.dumps(line).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, FILE_MODE)
        try:
            end = os.fstat(descriptor).st_size
            try:
                write_at(descriptor, content, end)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, end)
                raise
        finally:
            os.close(descriptor)
        sync_directory(self._path.parent)


def read_dead_letters(directory: Path) -> Iterator[DeadLetter]:
    """Those of a log, in the order in which they were set aside.

    Raises:
        WriteLogCorruptError: A line is not one.
        OSError: The file cannot be read.
    """
    path = directory / NAME
    return _parse(path, path.read_bytes() if path.exists() else b"")


def _parse(path: Path, content: bytes) -> Iterator[DeadLetter]:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            yield _letter(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise WriteLogCorruptError(path, f"line {number} is damaged") from error


def _letter(line: dict[str, object]) -> DeadLetter:
    value = line["value"]
    write = LoggedWrite(
        int(str(line["sequence"])),
        str(line["key"]),
        None if value is None else base64.b64decode(str(value)),
        int(str(line["time_ns"])),
    )
    return DeadLetter(write, str(line["problem"]))
