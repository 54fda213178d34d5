"""What lets several processes use one limit table."""

from typing import final

from typing_extensions import Buffer

from blrcs_native.shared.worker_slots import WorkerSlots

@final
class LimitSharing:
    """Locks for a table in memory that processes share, for the one Limiter that it is given to.

    Every process hands its limiter the same table's block, and a LimitSharing over one block of
    ``size_bytes_for`` bytes, zero at first and 8-byte aligned. Its place in ``slots`` has to be
    taken. What the limiters then decide is what one limiter would have: no limit is exceeded, and a
    stack is taken whole or not at all, also where a process is killed at any instruction. One
    thread of a process uses it at a time.

    ``places`` is how many places of running calls (see RateLimitGuard) a process can write down, so
    that they are given back when it dies; further ones lapse with their rule's period. By default
    it is as the block says, which the first to use it sets up.

    Raises:
        ValueError: for a buffer that is too small or misaligned, or was made for other numbers.
        BufferError: for a buffer that is read-only or not contiguous.
    """

    def __init__(
        self, slots: WorkerSlots, *, buffer: Buffer, places: int | None = None
    ) -> None: ...
    @staticmethod
    def size_bytes_for(slots: int, places: int) -> int:
        """The size of the block for so many processes, and places of each."""
    @property
    def places_each(self) -> int: ...
    def recover(self, slot: int, *, wait: bool = True) -> int | None:
        """Undoes what a dead process had begun, and gives back the places of its calls.

        Returns:
            How many places; None where the process lives.

        Raises:
            BlockingIOError: ``wait`` is false, and another process has what is needed. What is left
                can be done later; until it is, ``slots`` tells for whom this process waits.
        """
