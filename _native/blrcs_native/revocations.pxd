"""Revoked tokens, for verifiers written in Cython."""

cimport cython
from libc.stdint cimport uint64_t

from blrcs_native.claims cimport Claims


@cython.final
cdef class Revocations:
    cdef uint64_t generation_c
    cdef object _clock
    cdef dict _sessions
    cdef dict _tokens
    cdef dict _subjects
    cdef list _expiries

    cdef bint is_revoked_c(self, Claims claims) except -1
    cdef object _add(self, dict entries, tuple name, object instant_ns, object expires_at_ns)
    cdef object _prune(self)
