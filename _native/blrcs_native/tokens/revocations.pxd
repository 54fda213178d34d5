"""Revoked tokens, for verifiers written in Cython."""

cimport cython
from libc.stdint cimport uint64_t

from blrcs_native.tokens.claims cimport Claims
from blrcs_native.tokens.revocation_log cimport LogEntry, RevocationLog


@cython.final
cdef class Revocations:
    cdef uint64_t generation_c
    cdef object _clock
    cdef dict _sessions
    cdef dict _tokens
    cdef dict _subjects
    cdef dict _keys
    cdef list _expiries
    cdef RevocationLog _log
    cdef uint64_t _read
    cdef object _reload

    cdef inline uint64_t current(self) except? 0xFFFFFFFFFFFFFFFF:
        """The generation, with what other processes have revoked until now in it."""
        if self._log is not None and self._log.published() != self._read:
            self._catch_up()
        return self.generation_c

    cdef int _catch_up(self) except -1
    cdef object _take_in(self, LogEntry* entry)
    cdef object _tell(self, uint64_t kind, str issuer, str name, instant_ns, expires_at_ns)
    cdef bint is_revoked_c(self, Claims claims) except -1
    cdef object _add(self, dict entries, tuple name, object instant_ns, object expires_at_ns)
    cdef object _prune(self)
