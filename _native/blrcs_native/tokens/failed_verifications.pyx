"""A bound on the verifications that fail, for each address and for all.

A signature costs its forger nothing and the server some hundred times what any other refusal does.
"""

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from blrcs_native.addresses.ip_address cimport MAPPED_IPV4, AddressC, address_in
from blrcs_native.calls.call cimport Call
from blrcs_native.limits.algorithm cimport GCRA, DecisionC
from blrcs_native.limits.limiter cimport Limiter, Rule
from blrcs_native.siphash cimport Hash128

cdef enum:
    NS_PER_MS = 1_000_000


@cython.final
cdef class FailedVerifications:
    def __cinit__(
        self,
        Limiter limiter not None,
        *,
        Rule per_address not None,
        Rule in_all=None,
        Rule per_asker=None,
        Rule newcomers=None,
        Rule per_connection=None,
    ):
        if (newcomers is None) != (per_connection is None):
            raise ValueError("newcomers are bounded by address and by connection, or not at all")
        for rule in (per_address, in_all, per_asker, newcomers, per_connection):
            if rule is not None and (<Rule>rule).c.algorithm != GCRA:
                raise ValueError("failed verifications are counted by gcra")
        self._limiter = limiter
        self.per_address = per_address
        self.in_all = in_all
        self.per_asker = per_address if per_asker is None else per_asker
        self.newcomers = newcomers
        self.per_connection = per_connection

    @property
    def retry_after_ms(self):
        own = interval_ms(self.per_address)
        return own if self.per_connection is None else min(own, interval_ms(self.per_connection))

    @property
    def asker_retry_after_ms(self):
        return interval_ms(self.per_asker)

    def admit(self, caller not None, str asker=None):
        cdef AttemptC attempt
        return self.begin(caller, asker, &attempt)

    cdef bint begin(self, object caller, str asker, AttemptC* attempt) except -1:
        cdef Call call = caller if isinstance(caller, Call) else None
        cdef str address = caller if call is None else call.peer_address
        cdef Hash128 key = self._key(address)
        cdef bint is_paid
        attempt.now_ns = self._limiter.now()
        attempt.count = 0
        attempt.is_clean = True
        if asker is not None:
            is_paid = self._take(attempt, self.per_asker, self._text(asker)) and self._take(
                attempt, self.per_asker, key
            )
        else:
            is_paid = self._take(attempt, self.per_address, key)
            if not is_paid and call is not None and self.newcomers is not None:
                # One connection may have several callers, such as behind a proxy.
                is_paid = self._take(
                    attempt, self.per_connection, self._connection_key(address, call.stream.peer())
                ) and self._take(attempt, self.newcomers, key)
                attempt.is_clean = False
        if is_paid and self.in_all is not None:
            is_paid = self._take(attempt, self.in_all, self._limiter.hash(b"", 0)) or attempt.is_clean
        if not is_paid:
            self.succeed(attempt)
        return is_paid

    cdef void succeed(self, AttemptC* attempt) noexcept:
        while attempt.count:
            attempt.count -= 1
            self._limiter.refund_hashed(
                attempt.taken[attempt.count].rule,
                attempt.taken[attempt.count].key,
                1,
                attempt.now_ns,
            )

    cdef bint _take(self, AttemptC* attempt, Rule rule, Hash128 key) noexcept:
        """Takes one, and notes it in the attempt."""
        cdef DecisionC decision
        if not self._limiter.take_hashed(&rule.c, key, 1, attempt.now_ns, &decision):
            return False
        attempt.taken[attempt.count].rule = &rule.c
        attempt.taken[attempt.count].key = key
        attempt.count += 1
        if rule is not self.in_all and decision.remaining != rule.c.burst - 1:
            attempt.is_clean = False
        return True

    cdef Hash128 _text(self, str text) except *:
        cdef Py_ssize_t size = 0
        cdef const char* octets = PyUnicode_AsUTF8AndSize(text, &size)
        return self._limiter.hash(<const unsigned char*>octets, size)

    cdef Hash128 _key(self, str address) except *:
        cdef AddressC read
        # Of one connection all calls have the same object.
        if address is self._last_address and address is not None:
            return self._last_address_key
        read = address_in(address)
        if not read.known:
            return self._text(address)
        if read.high != 0 or read.low >> 32 != MAPPED_IPV4:
            # Who has one address of IPv6 has its whole /64.
            read.low = 0
        self._last_address_key = self._limiter.hash(
            <const unsigned char*>&read, sizeof(read.high) + sizeof(read.low)
        )
        self._last_address = address
        return self._last_address_key

    cdef Hash128 _connection_key(self, str address, object peer) except *:
        if (
            peer is not self._last_peer
            or address is not self._address_of_last_peer
            or type(peer) is not str
        ):
            self._last_peer_key = self._text(f"{address} {peer}")
            self._last_peer = peer
            self._address_of_last_peer = address
        return self._last_peer_key


cdef object interval_ms(Rule rule):
    """In how long one more comes back."""
    return max(-(-rule.period_ns // (rule.limit * NS_PER_MS)), 1)
