"""The places of the processes that share a segment: who holds one is alive."""

from typing import final

@final
class WorkerSlots:
    """``count`` places in the file that ``fd`` is open on, each held by one process at most.

    A place is held until its process ends, by whatever end. The file is for this alone: a process
    that closes any descriptor of it gives up its places. Children made by fork inherit none. The
    descriptor stays the caller's, and open. The first ``16 * count`` bytes of the file tell whom
    the processes wait for.
    """

    def __init__(self, fd: int, count: int) -> None: ...
    @property
    def count(self) -> int: ...
    @property
    def own(self) -> int:
        """The place of this process; -1 before ``take``."""
    def take(self, number: int | None = None) -> int:
        """Takes the first place that is free, or the one named; returns its number.

        Raises:
            BlockingIOError: It is taken, or all are.
        """
    def is_dead(self, number: int) -> bool:
        """Whether no living process holds a place."""
    def waiting(self, number: int) -> tuple[int, int] | None:
        """Whom the process of a place waits for: that one's place, and which of its waits it is.

        None where it waits for nobody. As a rule nobody waits for a microsecond, so one that tells
        the same for long is held up.
        """
    def tries(self, number: int) -> int:
        """Grows as long as the process of a place goes on to try for what another has.

        It stands where the process is stopped, though it tells still that it waits.
        """
    def holder(self, number: int) -> int:
        """The process that has a place, or sees to it: its number; 0 for none, and for this one."""
    def lead(self) -> bool:
        """Whether this process is the one that sees to what one alone has to do.

        The first that asks is, until it ends; then it is the first that asks again.
        """
