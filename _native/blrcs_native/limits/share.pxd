"""The C face of shares of a limit."""

from libc.stdint cimport int64_t

cdef class Share:
    cdef int64_t left
    cdef int64_t ends_ns
    cdef int64_t next_left
    cdef int64_t next_ends_ns
    cdef int64_t low
    cdef object on_low
    cdef readonly int64_t spent
    cdef public int64_t remaining
    cdef public int64_t reset_at_ns

    # What may be spent; brings the share to now.
    cdef int64_t at_hand(self, int64_t now_ns) noexcept
    # Spends, if there is so much at hand.
    cdef bint spend(self, int64_t cost, int64_t now_ns) except -1

cdef int64_t share_clock() noexcept nogil
