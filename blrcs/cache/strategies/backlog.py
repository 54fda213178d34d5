"""Writes that are on disk and not carried out yet."""

from collections import OrderedDict, deque
from collections.abc import Container

from blrcs.domain.logged_write import LoggedWrite


class Backlog:
    """All of them, in the order of the log. Belongs to the event loop."""

    def __init__(self) -> None:
        self._all: OrderedDict[int, LoggedWrite] = OrderedDict()
        self._waiting: deque[LoggedWrite] = deque()
        self._latest: dict[str, LoggedWrite] = {}
        self._taken_up_to = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def oldest(self) -> LoggedWrite | None:
        """The one that was logged first."""
        return next(iter(self._all.values()), None)

    @property
    def taken_up_to(self) -> int:
        """The last sequence that was taken."""
        return self._taken_up_to

    @property
    def done_up_to(self) -> int:
        """All writes up to this sequence have been removed."""
        oldest = self.oldest
        if oldest is not None:
            return oldest.sequence - 1
        return self._taken_up_to

    def latest(self, key: str) -> LoggedWrite | None:
        """The last write of a key that has not been removed."""
        return self._latest.get(key)

    def add(self, write: LoggedWrite, *, taken: bool = False) -> None:
        """Adds one that comes after all others; ``taken`` where somebody has it in hand already."""
        self._all[write.sequence] = write
        if not taken:
            self._waiting.append(write)
        self._latest[write.key] = write
        self.size_bytes += write.size_bytes

    def take(self) -> LoggedWrite | None:
        """The next that was not taken; it stays in the backlog until it is removed."""
        if not self._waiting:
            return None
        write = self._waiting.popleft()
        self._taken_up_to = write.sequence
        return write

    def skip(self, up_to: int) -> None:
        """All up to a sequence count as taken."""
        self._taken_up_to = max(self._taken_up_to, up_to)

    def remove(self, write: LoggedWrite) -> None:
        """It has been dealt with."""
        del self._all[write.sequence]
        if self._latest[write.key] is write:
            del self._latest[write.key]
        self.size_bytes -= write.size_bytes


def take_batch(
    backlog: Backlog, held: Container[str], max_writes: int, max_bytes: int
) -> tuple[list[LoggedWrite], list[LoggedWrite]]:
    """The next writes, within bounds, and among them those whose keys are held.

    Returns:
        What to carry out, and what has to wait behind others of its key.
    """
    batch: list[LoggedWrite] = []
    behind: list[LoggedWrite] = []
    size_bytes = 0
    while len(batch) + len(behind) < max_writes and size_bytes < max_bytes:
        write = backlog.take()
        if write is None:
            break
        size_bytes += write.size_bytes
        (behind if write.key in held else batch).append(write)
    return batch, behind
