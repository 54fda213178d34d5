"""Unix time in nanoseconds, by a clock in Python or by the system's own."""

from libc.stdint cimport int64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec


cdef inline int64_t unix_ns(object clock) except? -1:
    """By a clock that is called, or without one, which is None, by what time.time_ns reads."""
    cdef timespec now
    if clock is not None:
        return clock()
    clock_gettime(CLOCK_REALTIME, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
