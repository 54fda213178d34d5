"""What a process that serves asks of its interpreter and of its allocator."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

KEPT_FREE_BYTES = 32 << 20
# The largest message that is taken by default.
SEEN_BYTES = 4 << 20
# Above the largest message that is taken by default.
MAPPED_BYTES = 8 << 20


@contextmanager
def loading() -> Iterator[None]:
    """The garbage collector rests while the block imports much, all of which is there to stay.

    It would look through it dozens of times, for a tenth of what the start of a server takes. Nor
    does it look through it later: all of it would be new to it, and be looked through thrice until
    it is old. What the block has left in cycles stays too, some hundred kilobytes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


def show_large_block() -> None:
    """Has the allocator see a block of 4 MiB freed, as it would by the first message of that size.

    From then on it keeps up to 8 MiB that were freed, where until then it gives back what is above
    256 KiB, which the system has to clear anew for every message. This has an effect with glibc
    alone, and there only where nobody has chosen what is kept.
    """
    bytearray(SEEN_BYTES)


def settle_process() -> None:
    """Prepares the process for serving; to be called once everything is loaded and made.

    What exists now is taken out of the garbage collector's sight, which would look through it again
    and again, in pauses that callers notice. And up to 32 MiB that were used and freed stay with
    the process: memory for a large message would otherwise be asked of the system, and cleared by
    it, for every message anew. The latter has an effect with glibc alone.
    """
    gc.collect()
    gc.freeze()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES)
