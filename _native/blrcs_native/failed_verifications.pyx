"""A bound on the verifications that fail, for each address and for all.

A signature costs its forger nothing and the server some hundred times what any other refusal does.
"""

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from blrcs_native.ip_address cimport MAPPED_IPV4, AddressC, address_in
from blrcs_native.limit_algorithm cimport GCRA, DecisionC
from blrcs_native.limiter cimport Limiter, Rule
from blrcs_native.siphash cimport Hash128

cdef enum:
    NS_PER_MS = 1_000_000


@cython.final
cdef class FailedVerifications:
    def __cinit__(self, Limiter limiter not None, *, Rule per_address not None, Rule in_all=None):
        for rule in (per_address, in_all):
            if rule is not None and (<Rule>rule).c.algorithm != GCRA:
                raise ValueError("failed verifications are counted by gcra")
        self._limiter = limiter
        self.per_address = per_address
        self.in_all = in_all

    @property
    def retry_after_ms(self):
        rule = self.per_address
        return max(-(-rule.period_ns // (rule.limit * NS_PER_MS)), 1)

    def admit(self, str address not None):
        cdef AttemptC attempt
        return self.begin(address, &attempt)

    cdef bint begin(self, str address, AttemptC* attempt) except -1:
        cdef DecisionC own
        cdef DecisionC shared
        attempt.key = self._key(address)
        attempt.now_ns = self._limiter.now()
        attempt.in_all = False
        if not self._limiter.take_hashed(
            &self.per_address.c, attempt.key, 1, attempt.now_ns, &own
        ):
            return False
        if self.in_all is None:
            return True
        attempt.in_all = self._limiter.take_hashed(
            &self.in_all.c, self._limiter.hash(b"", 0), 1, attempt.now_ns, &shared
        )
        if attempt.in_all or own.remaining == self.per_address.c.burst - 1:
            return True
        self._limiter.refund_hashed(&self.per_address.c, attempt.key, 1, attempt.now_ns)
        return False

    cdef void succeed(self, const AttemptC* attempt) noexcept:
        self._limiter.refund_hashed(&self.per_address.c, attempt.key, 1, attempt.now_ns)
        if attempt.in_all:
            self._limiter.refund_hashed(
                &self.in_all.c, self._limiter.hash(b"", 0), 1, attempt.now_ns
            )

    cdef Hash128 _key(self, str address) except *:
        cdef AddressC read = address_in(address)
        cdef Py_ssize_t size = 0
        cdef const char* text
        if not read.known:
            text = PyUnicode_AsUTF8AndSize(address, &size)
            return self._limiter.hash(<const unsigned char*>text, size)
        if read.high != 0 or read.low >> 32 != MAPPED_IPV4:
            # Who has one address of IPv6 has its whole /64.
            read.low = 0
        return self._limiter.hash(<const unsigned char*>&read, sizeof(read.high) + sizeof(read.low))
