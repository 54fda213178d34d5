"""What a call took from limits, so that it can be given back."""

from libc.stdint cimport int64_t

from blrcs_native.limits.algorithm cimport RuleC
from blrcs_native.limits.limiter cimport ClaimC, Limiter

cdef enum:
    MAX_CLAIMS = 8


cdef class Charge:
    cdef Limiter limiter
    cdef tuple rules  # keeps alive what the claims point into
    cdef ClaimC claims[MAX_CLAIMS]
    cdef Py_ssize_t count
    cdef int64_t now_ns
    cdef int64_t lease

    cdef void refund(self) noexcept
    cdef void release(self) noexcept
