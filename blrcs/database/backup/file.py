"""The file of a backup.

Lines of JSON, compressed by gzip: what it is; for each table its name and columns, its rows, and
how many these were, with their digest; and at the end a digest of all lines before. A file that was
cut off, or changed, is told from a whole one.
"""

import gzip
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeGuard

import orjson

from blrcs.database.backup.backup_key import BackupKey
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.sealed_file import plain_stream
from blrcs.database.backup.values import Tally
from blrcs.database.data_directory import FILE_MODE
from blrcs.files import require_replaceable, sync_directory

FORMAT = 1
LEVEL = 3
"""Of compression: higher ones take several times as long for a few percent."""
MAX_LINE_BYTES = 64 << 20
"""Of a row: a record of 1 MiB comes to at most 10 MiB, every character of it escaped twice. Whoever
reads a file that somebody else made holds no more than this of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a backup is of.

    Attributes:
        version: Of the program that wrote it.
        dialect: The kind of database that it is from.
        created_at_ns: When, in nanoseconds since the Unix epoch.
        revisions: Of each branch, by the name of its version table.
        tables: Names of all tables, in the order in which they come.
    """

    version: str
    dialect: str
    created_at_ns: int
    revisions: dict[str, str]
    tables: list[str]


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a backup: its name, the names of its columns, and its rows as lines."""

    table: str
    columns: list[str]
    lines: Iterator[bytes]


class BackupWriter:
    """Writes lines, and remembers what the whole has to be."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.tallies: dict[str, Tally] = {}
        values = {name: getattr(header, name) for name in header.__slots__}
        self._write(orjson.dumps({"blrcs_backup": FORMAT, **values}))

    def begin(self, table: str, columns: list[str]) -> Callable[[bytes], None]:
        """Begins a table; the function that is returned adds a row.

        It raises BackupError for a row that is too large to be read again.
        """
        self._write(orjson.dumps({"table": table, "columns": columns}))
        tally = self.tallies[table] = Tally()

        def add(line: bytes) -> None:
            if len(line) >= MAX_LINE_BYTES:
                raise BackupError(f"{table}: has a row of more than {MAX_LINE_BYTES} bytes")
            tally.add(line)
            self._write(line)

        return add

    def end(self, table: str) -> None:
        """Ends it."""
        tally = self.tallies[table]
        self._write(orjson.dumps({"end": table, "rows": tally.rows, "digest": tally.digest}))

    def finish(self) -> None:
        """Ends all."""
        line = orjson.dumps({"complete": True, "sha256": self._digest.hexdigest()})
        self._file.write(line + b"\n")

    def _write(self, line: bytes) -> None:
        self._digest.update(line + b"\n")
        self._file.write(line + b"\n")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes ``path`` when the block ends well, and is on disk then.

    Raises:
        BackupError: It cannot be written.
    """
    if not path.name:
        raise BackupError(f"{path}: cannot be written: is a folder")
    # A name that nobody can be waiting at with a file or a link of theirs.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        require_replaceable(path)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        try:
            yield draft
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        sync_directory(path.parent)
    except OSError as error:
        raise BackupError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def opened(path: Path, key: BackupKey | None = None) -> Iterator["BackupReader"]:
    """A backup to be read.

    Args:
        path: The file.
        key: What opens it, where it is encrypted.

    Raises:
        BackupError: It is none, or of a form that this version does not know, or encrypted to
            another key.
    """
    try:
        with plain_stream(path, key) as stream, gzip.open(stream, "rb") as file:
            yield BackupReader(path, file)
    except OSError as error:
        # gzip's own, of a file that is something else, has no strerror.
        raise BackupError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise BackupError(f"{path}: is cut off or damaged: {error}") from error


class BackupReader:
    """Reads a backup from its begin to its end, once.

    Attributes:
        header: What it is of.
        tallies: What each table was found to be that has been read to its end.
    """

    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        self._file = file
        self._digest = hashlib.sha256()
        self.tallies: dict[str, Tally] = {}
        first = self._object()
        found = first.pop("blrcs_backup", None)
        if found != FORMAT:
            newer = isinstance(found, int) and found > FORMAT
            raise self._wrong("was written by a newer version" if newer else "is no backup")
        try:
            self.header = Header(**first)
        except TypeError as error:
            raise self._wrong("is no backup") from error
        revisions = self.header.revisions
        if not _is_texts(self.header.tables) or not isinstance(revisions, dict):
            raise self._wrong("is damaged")

    def sections(self) -> Generator[Section]:
        """Each table; its lines have to be read before the next.

        Raises:
            BackupError: It is not what was written.
        """
        for table in self.header.tables:
            begin = self._object()
            columns = begin.get("columns")
            if begin.get("table") != table or not _is_texts(columns):
                raise self._wrong("is damaged: a table is missing")
            yield Section(table, columns, self._lines(table))
        expected = self._digest.hexdigest()
        if self._object() != {"complete": True, "sha256": expected} or self._file.read(1):
            raise self._wrong("is damaged: it is not what was written")

    def _lines(self, table: str) -> Iterator[bytes]:
        tally = Tally()
        while (line := self._line()).startswith(b"["):
            tally.add(line)
            yield line
        if _parsed(line) != {"end": table, "rows": tally.rows, "digest": tally.digest}:
            raise self._wrong(f"is damaged: the rows of {table} are not those that were written")
        self.tallies[table] = tally

    def _line(self) -> bytes:
        line: bytes = self._file.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            is_long = len(line) == MAX_LINE_BYTES
            raise self._wrong("is damaged: a line is too long" if is_long else "is cut off")
        self._digest.update(line)
        return line[:-1]

    def _object(self) -> dict[str, Any]:
        found = _parsed(self._line())
        if not isinstance(found, dict):
            raise self._wrong("is damaged")
        return found

    def _wrong(self, problem: str) -> BackupError:
        return BackupError(f"{self._path}: {problem}")


def _is_texts(found: Any) -> TypeGuard[list[str]]:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
