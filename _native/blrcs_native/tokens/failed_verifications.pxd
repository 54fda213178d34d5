"""The C face of the bound on verifications that fail."""

from libc.stdint cimport int64_t

from blrcs_native.limits.algorithm cimport RuleC
from blrcs_native.limits.limiter cimport Limiter, Rule
from blrcs_native.siphash cimport Hash128

cdef enum:
    MOST_TAKEN = 3


cdef struct TakenC:
    const RuleC* rule
    Hash128 key


cdef struct AttemptC:
    int64_t now_ns
    # To be given back unless the verification fails.
    TakenC[MOST_TAKEN] taken
    int count
    # Nobody who pays for it has failed lately.
    bint is_clean


cdef class FailedVerifications:
    cdef Limiter _limiter
    cdef readonly Rule per_address
    cdef readonly Rule in_all
    cdef readonly Rule per_asker
    cdef readonly Rule newcomers
    cdef readonly Rule per_connection
    # The address and the connection that were asked about last, and what they are counted by.
    cdef str _last_address
    cdef Hash128 _last_address_key
    cdef object _last_peer
    cdef str _address_of_last_peer
    cdef Hash128 _last_peer_key

    # Takes what a failure costs; false where there is no more of it, and nothing was taken. The
    # caller is a Call or an address; the asker sends the token in a request.
    cdef bint begin(self, object caller, str asker, AttemptC* attempt) except -1
    # Gives it back, as the verification did not fail.
    cdef void succeed(self, AttemptC* attempt) noexcept

    cdef bint _take(self, AttemptC* attempt, Rule rule, Hash128 key) noexcept
    cdef Hash128 _key(self, str address) except *
    cdef Hash128 _connection_key(self, str address, object peer) except *
    cdef Hash128 _text(self, str text) except *
