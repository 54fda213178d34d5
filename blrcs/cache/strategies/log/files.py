"""The files of a log that is open: one that grows, and those before it."""

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from blrcs.cache.strategies.log.record import RecordFormat
from blrcs.cache.strategies.log.recovery import Recovered, RecoveredFile
from blrcs.cache.strategies.log.segment import (
    HEAD_BYTES,
    Head,
    path_of,
    write_at,
    write_whole,
)
from blrcs.domain.logged_write import LoggedWrite
from blrcs.files import sync_directory


class LogFiles:
    """Appends groups of writes, each on disk when ``append`` returns.

    Belongs to one thread; another may ask for ``size_bytes``.

    Attributes:
        next_sequence: The one that the next write has to have.
        is_distrusted: Whether a sync has failed. Nobody knows what the disk has then.
    """

    def __init__(
        self, directory: Path, recovered: Recovered, first: int, segment_bytes: int
    ) -> None:
        self._directory = directory
        self._identity = recovered.identity
        self._records = RecordFormat(recovered.identity)
        self._segment_bytes = segment_bytes
        # A file that nothing was written to is replaced by its like.
        kept = [each for each in recovered.files if each.path != path_of(directory, first)]
        self._before: deque[RecoveredFile] = deque(kept)
        self._before_bytes = sum(each.size_bytes for each in kept)
        self.next_sequence = first
        self.is_distrusted = False
        self._path, self._descriptor = self._new_file(recovered.last)
        self._end = HEAD_BYTES

    @classmethod
    def open(cls, directory: Path, recovered: Recovered, first: int, *, segment_bytes: int) -> Self:
        """Begins a new file.

        Args:
            directory: Held by this process.
            recovered: What it holds.
            first: The sequence of the next write, above all that were ever given.
            segment_bytes: A file as large as that is not written to any more.

        Raises:
            OSError: The disk refuses.
        """
        return cls(directory, recovered, first, segment_bytes)

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return self._before_bytes + self._end

    def append(self, writes: Sequence[LoggedWrite]) -> None:
        """Appends a group, and returns when it is on disk.

        Raises:
            OSError: It is not. Where ``is_distrusted`` is not set then, nothing of it is left.
        """
        if self._end >= max(self._segment_bytes, HEAD_BYTES + 1):
            self._rotate()
        group = writes[0].sequence
        content = b"".join([self._records.encode(write, group) for write in writes])
        try:
            write_at(self._descriptor, content, self._end)
        except OSError:
            self._undo()
            raise
        self._sync()
        self._end += len(content)
        self.next_sequence = writes[-1].sequence + 1

    def remove_done(self, applied_up_to: int) -> None:
        """Removes the files whose writes have all been applied, the oldest first.

        One that cannot be removed stays, with those after it, and is tried again the next time.

        Raises:
            OSError: It cannot.
        """
        while self._before and self._before[0].last <= applied_up_to:
            file = self._before[0]
            file.path.unlink(missing_ok=True)
            # One at a time: a gap between files would be taken for a loss.
            sync_directory(self._directory)
            self._before.popleft()
            self._before_bytes -= file.size_bytes

    def close(self) -> None:
        """Closes the file that grows."""
        os.close(self._descriptor)

    def _rotate(self) -> None:
        last = self.next_sequence - 1
        before = RecoveredFile(self._path, last, self._end)
        path, descriptor = self._new_file(last)
        os.close(self._descriptor)
        self._before.append(before)
        self._before_bytes += before.size_bytes
        self._path, self._descriptor, self._end = path, descriptor, HEAD_BYTES

    def _new_file(self, follows: int) -> tuple[Path, int]:
        path = path_of(self._directory, self.next_sequence)
        write_whole(path, Head(self._identity, self.next_sequence, follows).encode())
        return path, os.open(path, os.O_WRONLY)

    def _undo(self) -> None:
        """Takes back what was written of a group, so that the next one can stand there."""
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError:
            self.is_distrusted = True
            raise
        self._sync()

    def _sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError:
            # The kernel may have given up the pages: another sync would succeed without them.
            self.is_distrusted = True
            raise
