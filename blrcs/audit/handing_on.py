"""Hands records on, each once, and goes on where it stopped."""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Protocol

from blrcs.audit.cursor import Cursor, CursorError, CursorFile
from blrcs.audit.line import BEGINNING
from blrcs.audit.reading import AuditReader, event_of
from blrcs.audit.segments import FILE_MODE, raw_lines
from blrcs.domain.audit_event import AuditEvent, EventFilter

BATCH = 500


class Output(Protocol):
    """Where records go."""

    def resume(self, cursor: Cursor) -> bytes:
        """Takes into the cursor what was written behind it; the beginning of a torn line."""
        ...

    def write(self, raw: bytes, cursor: Cursor) -> None:
        """Writes lines, and takes into the cursor where they end."""
        ...


class StandardOutput:
    """Whoever reads our standard output.

    What was written is taken as read: whoever is killed between that and the cursor writes the last
    lines again.
    """

    def resume(self, cursor: Cursor) -> bytes:
        """See Output."""
        del cursor
        return b""

    def write(self, raw: bytes, cursor: Cursor) -> None:
        """See Output."""
        del cursor
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()


class OutputFile:
    """A file that only grows, for a program that reads it as it does.

    Whoever moves it away or empties it, as programs that rotate logs do, has a new one begun. What
    is no regular file raises CursorError: nobody can tell what was written to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()

    def resume(self, cursor: Cursor) -> bytes:
        """See Output. A line that was not written to its end is cut off.

        Raises:
            CursorError: The file ends with something else: it is not one of ours.
        """
        status = os.fstat(self._file)
        if cursor.inode not in (0, status.st_ino) or status.st_size < cursor.size_bytes:
            return b""
        torn = b""
        for line in raw_lines(self._path, cursor.size_bytes):
            event = event_of(line)
            if event is not None:
                cursor.seen[event.place.chain] = event.place.seq
            elif not line.endswith(b"\n"):
                torn = line
        if torn:
            if not BEGINNING.startswith(torn[: len(BEGINNING)]):
                raise CursorError(f"{self._path}: ends in the middle of what is no record")
            os.ftruncate(self._file, status.st_size - len(torn))
        return torn

    def write(self, raw: bytes, cursor: Cursor) -> None:
        """See Output. The lines are on the disk then."""
        self._follow_name()
        view = memoryview(raw)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)
        status = os.fstat(self._file)
        cursor.inode, cursor.size_bytes = status.st_ino, status.st_size

    def close(self) -> None:
        """Lets it go."""
        os.close(self._file)

    def _open(self) -> int:
        # A device may wait for whoever is at its other end.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
        file = os.open(self._path, flags, FILE_MODE)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise CursorError(
                f"{self._path}: is no regular file; without --output records go to standard output"
            )
        return file

    def _follow_name(self) -> None:
        try:
            if self._path.stat().st_ino == os.fstat(self._file).st_ino:
                return
        except FileNotFoundError:
            pass
        file = self._open()
        os.close(self._file)
        self._file = file


class HandingOn:
    """Hands on the records behind a cursor.

    Args:
        reader: Where they are.
        wanted: Which of them.
        output: Where they go.
        kept: The cursor; None where nobody is to go on later.
        cursor: Where it begins without a kept one.
        tell: Told of records that are kept no more and were not handed on.
        undisturbed: Around what must not be interrupted: a write, and the note of it.
    """

    def __init__(
        self,
        reader: AuditReader,
        wanted: EventFilter,
        output: Output,
        *,
        kept: CursorFile | None,
        cursor: Cursor | None = None,
        tell: Callable[[str], None],
        undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._reader = reader
        self._wanted = wanted
        self._output = output
        self._kept = kept
        self._cursor = kept.cursor if kept is not None else cursor or Cursor()
        self._tell = tell
        self._undisturbed = undisturbed

    def resume(self) -> None:
        """Takes up what was written and not noted; a record that was torn comes first."""
        torn = self._output.resume(self._cursor)
        if torn:
            behind = self._reader.behind(self._cursor.seen)
            same = (each for each in behind if each.line.startswith(torn))
            self._hand_on(list(islice(same, 1)))

    def step(self) -> bool:
        """Hands on some of what there is; whether there may be more at once."""
        events = list(islice(self._reader.behind(self._cursor.seen), BATCH))
        self._hand_on(events)
        return len(events) == BATCH

    def _hand_on(self, events: Sequence[AuditEvent]) -> None:
        if not events:
            return
        raw = b"".join(self._lines(events))
        for lost in self._cursor.take(events):
            self._tell(lost)
        with self._undisturbed():
            if raw:
                self._output.write(raw, self._cursor)
            if self._kept is not None:
                self._kept.save()

    def _lines(self, events: Iterable[AuditEvent]) -> Iterable[bytes]:
        return (each.line for each in events if self._wanted.takes(each))
