"""How those wait for a lock between processes who did not have it at once."""

from libc.stdint cimport uint64_t
from posix.unistd cimport usleep

from blrcs_native.shared.process_lock cimport sched_yield

cdef enum:
    YIELDS = 1000
    NAP_US = 50
    # Who must not be held up tries so often, which takes a millisecond or two; others for ever.
    FEW_TRIES = 1000
    FOR_EVER = -1


cdef inline void let_others_run(uint64_t times) noexcept nogil:
    """Between two tries; after many of them the owner does not run, and waiting takes no core."""
    if times < YIELDS:
        sched_yield()
    else:
        usleep(NAP_US)
