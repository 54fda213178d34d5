"""The guard that demands a better, or a fresher, proof of who calls."""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.guard cimport Guard
from blrcs_native.tokens.claims cimport Claims

cdef enum:
    NANOSECONDS = 1_000_000_000
    # How far the clock of who issued the token may be ahead.
    MAX_AHEAD_S = 300

# Late enough for any proof, and far from an overflow.
cdef int64_t MAX_TIME_S = 9_223_000_000


@cython.final
cdef class StepUpGuard(Guard):
    cdef Rejection rejection
    cdef frozenset acr_values
    cdef int64_t max_age_s
    cdef object clock

    def __init__(
        self,
        Rejection rejection not None,
        *,
        acr_values=(),
        max_age_ns=None,
        clock=None,
        bint shadow=False,
    ):
        Guard.__init__(self, "authentication", shadow=shadow)
        if not acr_values and max_age_ns is None:
            raise ValueError("a step-up demands a level, or an age")
        self.rejection = rejection
        self.acr_values = frozenset(acr_values)
        self.max_age_s = -1 if max_age_ns is None else max_age_ns // NANOSECONDS
        self.clock = clock

    cpdef object check(self, Call call):
        cdef Principal principal = call.principal
        cdef dict members
        if principal is None or type(principal.claims) is not Claims:
            return self.rejection
        members = (<Claims>principal.claims)._members
        if self.acr_values:
            acr = members.get("acr")
            if type(acr) is not str or acr not in self.acr_values:
                return self.rejection
        if self.max_age_s >= 0 and not self._is_fresh(members.get("auth_time")):
            return self.rejection
        return None

    cdef bint _is_fresh(self, object auth_time) except -1:
        cdef int64_t age_s, proven_s
        cdef int overflow = 0
        # bool is a kind of int, hence the exact type.
        if type(auth_time) is not int:
            return False
        proven_s = PyLong_AsLongLongAndOverflow(auth_time, &overflow)
        if overflow or not 0 <= proven_s <= MAX_TIME_S:
            return False
        age_s = self._now_s() - proven_s
        return -MAX_AHEAD_S <= age_s <= self.max_age_s

    cdef int64_t _now_s(self) except? -1:
        cdef timespec now
        if self.clock is not None:
            return self.clock() // NANOSECONDS
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec
