"""The C face of the bound on verifications that fail."""

from libc.stdint cimport int64_t

from blrcs_native.limiter cimport Limiter, Rule
from blrcs_native.siphash cimport Hash128


cdef struct AttemptC:
    Hash128 key
    int64_t now_ns
    # Whether it took of what all addresses have together.
    bint in_all


cdef class FailedVerifications:
    cdef Limiter _limiter
    cdef readonly Rule per_address
    cdef readonly Rule in_all

    # Takes what a failure costs; false where there is no more of it, and nothing was taken.
    cdef bint begin(self, str address, AttemptC* attempt) except -1
    # Gives it back, as the verification did not fail.
    cdef void succeed(self, const AttemptC* attempt) noexcept

    cdef Hash128 _key(self, str address) except *
