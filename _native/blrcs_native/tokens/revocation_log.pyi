"""The log by which processes tell each other of revocations."""

from typing import final

from typing_extensions import Buffer

from blrcs_native.shared.worker_slots import WorkerSlots

@final
class RevocationLog:
    """A ring of entries in ``buffer``, which is zero at first; for Revocations.

    The process's place in ``slots`` has to be taken. A process killed at any instruction leaves the
    log usable, and what it has published in force.

    Raises:
        ValueError: for a buffer that is too small or misaligned, or holds something else.
        BufferError: for one that is read-only or not contiguous.
    """

    def __init__(self, slots: WorkerSlots, *, buffer: Buffer) -> None: ...
    @staticmethod
    def size_bytes_for(entries: int) -> int:
        """The size of the block for so many entries."""
    @property
    def capacity(self) -> int:
        """How many entries a reader may fall behind before it reads all anew."""
    def ask_to_reload(self, *, wait: bool = True) -> None:
        """Has every process read all revocations from where they are stored.

        Raises:
            BlockingIOError: ``wait`` is false, and another process writes; until it has been asked
                again, ``slots`` tells for whom this process waits.
        """
