"""The C face of whose message is inflated."""


cdef class InflationTurns:
    # Streams: who inflates, and who wants to.
    cdef object _holder
    cdef list _waiting

    cdef bint take(self, object stream) except -1
    cdef object leave(self, object stream)
    cdef void close(self) noexcept
