"""The C face of adaptive limits."""


cdef class AdaptiveLimit:
    cdef readonly double least
    cdef readonly double most
    cdef readonly double tolerance
    cdef readonly double limit
    cdef double _slowness

    cdef void update_c(self, double slowness, double peak) noexcept nogil
