"""The guard that counts calls by address, by principal and in all."""

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.guard cimport Guard
from blrcs_native.limits.algorithm cimport CONCURRENCY, NEVER_NS, DecisionC
from blrcs_native.limits.charge cimport MAX_CLAIMS, Charge
from blrcs_native.limits.limiter cimport Limiter, Rule
from blrcs_native.siphash cimport Hash128

cdef enum LimitKey:
    BY_ADDRESS = 1
    BY_PRINCIPAL = 2
    BY_METHOD = 3

cdef enum:
    MAX_KEPT_REJECTIONS = 1024

cdef int64_t NS_PER_MS = 1_000_000


cdef object retry_after_ms(int64_t retry_after_ns):
    """Milliseconds rounded up to two significant digits, so that few rejections serve all waits."""
    cdef int64_t milliseconds
    cdef int64_t unit = 1
    if retry_after_ns == NEVER_NS:
        return None
    milliseconds = max((retry_after_ns - 1) // NS_PER_MS + 1, 1)
    while milliseconds // unit >= 100:
        unit *= 10
    return ((milliseconds - 1) // unit + 1) * unit


@cython.final
cdef class RateLimitGuard(Guard):
    cdef Limiter limiter
    cdef tuple rules
    cdef LimitKey keys[MAX_CLAIMS]
    cdef bint holds_places
    cdef bint gives_back
    cdef object make_rejection
    cdef dict rejections

    def __init__(
        self,
        Limiter limiter not None,
        limits,
        make_rejection,
        *,
        bint refundable=False,
        bint shadow=False,
    ):
        Guard.__init__(self, "rate_limit", shadow=shadow)
        limits = tuple(limits)
        if not 0 < len(limits) <= MAX_CLAIMS:
            raise ValueError(f"a method has 1 to {MAX_CLAIMS} limits on one side of authentication")
        self.limiter = limiter
        self.rules = tuple(rule for rule, _ in limits)
        self.make_rejection = make_rejection
        self.rejections = {}
        self.gives_back = refundable
        for index, (rule, key) in enumerate(limits):
            self.keys[index] = KEYS[key]
            self.holds_places |= (<Rule?>rule).c.algorithm == CONCURRENCY

    cpdef object check(self, Call call):
        cdef Charge charge = Charge.__new__(Charge)
        cdef DecisionC decisions[MAX_CLAIMS]
        cdef Py_ssize_t refusing
        self._claim(call, charge)
        refusing = self.limiter.take_all(charge.claims, charge.count, charge.now_ns, decisions)
        if refusing >= 0:
            self._refund(call)
            return self._rejection(refusing, decisions[refusing].retry_after_ns)
        charge.lease = decisions[0].lease
        if self.holds_places:
            if call.releases is None:
                call.releases = []
            call.releases.append(charge)
        if self.gives_back:
            if call.charges is None:
                call.charges = []
            call.charges.append(charge)
        return None

    cdef void _claim(self, Call call, Charge charge) except *:
        cdef Py_ssize_t index
        charge.limiter = self.limiter
        charge.rules = self.rules
        charge.count = len(self.rules)
        charge.now_ns = self.limiter.now()
        for index in range(charge.count):
            charge.claims[index].rule = &(<Rule>self.rules[index]).c
            charge.claims[index].key = self._key(call, self.keys[index])
            charge.claims[index].cost = 1
            charge.claims[index].held = charge.claims[index].rule.algorithm == CONCURRENCY

    cdef Hash128 _key(self, Call call, LimitKey key) except *:
        cdef Py_ssize_t size = 0
        cdef const char* text
        if key == BY_METHOD:
            return self.limiter.hash(b"", 0)
        if key == BY_PRINCIPAL and call.principal is not None:
            text = PyUnicode_AsUTF8AndSize(call.principal.name, &size)
        else:
            text = PyUnicode_AsUTF8AndSize(call.peer_address, &size)
        return self.limiter.hash(<const unsigned char*>text, size)

    cdef void _refund(self, Call call) except *:
        if call.charges is not None and not self.shadow:
            for charge in call.charges:
                (<Charge>charge).refund()
            call.charges = None

    cdef Rejection _rejection(self, Py_ssize_t refusing, int64_t retry_after_ns):
        wait_ms = retry_after_ms(retry_after_ns)
        rejection = self.rejections.get((refusing, wait_ms))
        if rejection is None:
            rejection = self.make_rejection(refusing, wait_ms)
            if len(self.rejections) >= MAX_KEPT_REJECTIONS:
                self.rejections.clear()
            self.rejections[(refusing, wait_ms)] = rejection
        return rejection


KEYS = {"address": BY_ADDRESS, "principal": BY_PRINCIPAL, "method": BY_METHOD}
