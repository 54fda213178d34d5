"""The file of slow statements, written by all workers of a machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from blrcs.database.data_directory import FILE_MODE
from blrcs.database.slow_log.entry import SlowEntry

FILE_NAME = "slow_queries.jsonl"
MAX_BYTES = 8 * 1024 * 1024


class SlowLogFile:
    """JSON lines, of which the newest are kept.

    One that is full becomes ``NAME.1``, in the place of the one before. The kernel's lock (flock)
    keeps writers apart; it goes with its holder.

    Args:
        path: Where it is.
        max_bytes: How large it grows; there are two of them.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.older = path.with_name(f"{path.name}.1")
        self._max_bytes = max_bytes

    def append(self, lines: bytes) -> None:
        """Adds lines; OSError where that cannot be."""
        while not self._add(lines):
            pass

    def entries(self) -> Iterator[SlowEntry]:
        """All that are kept, oldest first; lines that are broken are passed over."""
        for path in (self.older, self.path):
            with suppress(FileNotFoundError), path.open("rb") as file:
                yield from filter(None, map(SlowEntry.from_line, file))

    def _add(self, lines: bytes) -> bool:
        """Whether there was room; if not, there is now."""
        descriptor = self._open_locked()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(lines) > self._max_bytes:
                # Whoever waits for its lock finds that it has another name now.
                self.path.replace(self.older)
                return False
            view = memoryview(lines)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        return True

    def _open_locked(self) -> int:
        while True:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                        return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
