"""What a process that serves asks of its interpreter and of its allocator."""

import ctypes
import gc

# glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

KEPT_FREE_BYTES = 32 << 20
# Above the largest message that is taken by default.
MAPPED_BYTES = 8 << 20


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
