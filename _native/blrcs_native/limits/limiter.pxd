"""The rate limiter, for native callers: no Python object is made on these roads.

Every method here wants the GIL held (or another lock around the limiter in this process), although
it does not use it; ``now`` needs it. A caller reads ``now`` once and uses it for all it takes at that moment, and
hashes a key once with ``hash`` and uses it under several rules. Costs are not negative; one that is
counts as one that no wait will admit.
"""

from libc.stdint cimport int64_t, uint64_t

from blrcs_native.limits.algorithm cimport DecisionC, RuleC
from blrcs_native.limits.sharing cimport LimitSharing
from blrcs_native.limits.table cimport LimitTable
from blrcs_native.siphash cimport Hash128

cdef enum:
    MAX_STACK = 32

cdef struct ClaimC:
    const RuleC* rule
    Hash128 key
    int64_t cost
    # Of a concurrency rule: whether the place is given back should this process die before
    # release_place, and, after take_all, its number; 0 where nobody shares the table.
    bint held
    uint64_t place

cdef class Rule:
    cdef RuleC c
    cdef readonly str identity

cdef class Decision:
    cdef readonly bint allowed
    cdef readonly int64_t limit
    cdef readonly int64_t remaining
    cdef readonly int64_t retry_after_ns
    cdef readonly int64_t reset_after_ns
    cdef readonly int64_t lease
    cdef readonly Py_ssize_t index

cdef class Limiter:
    cdef LimitTable table
    cdef LimitSharing sharing
    cdef object clock

    cdef int64_t now(self) except -1
    cdef Hash128 hash(self, const unsigned char* key, Py_ssize_t size) noexcept nogil
    cdef bint take(
        self, const RuleC* rule, const unsigned char* key, Py_ssize_t size, int64_t cost,
        int64_t now_ns, DecisionC* out
    ) noexcept nogil
    cdef bint take_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t now_ns, DecisionC* out
    ) noexcept nogil
    cdef bint check_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t now_ns, DecisionC* out
    ) noexcept nogil
    cdef Py_ssize_t take_all(
        self, ClaimC* claims, Py_ssize_t count, int64_t now_ns, DecisionC* out
    ) noexcept nogil
    cdef void refund_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t now_ns
    ) noexcept nogil
    cdef void release_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t lease, int64_t now_ns
    ) noexcept nogil
    cdef void release_place(
        self, const RuleC* rule, Hash128 key, uint64_t place, int64_t lease, int64_t now_ns
    ) noexcept nogil
    cdef Py_ssize_t check_all(
        self, const ClaimC* claims, const Hash128* prints, Py_ssize_t count, int64_t now_ns,
        DecisionC* out
    ) noexcept nogil
