"""The arithmetic of the four rate limit algorithms over one cell's state, for native callers."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    typedef unsigned __int128 blrcs_uint128;
    #define BLRCS_NEVER_NS INT64_MAX
    #define BLRCS_MAX_REQUESTS (((int64_t)1 << 62) - 1)
    #define BLRCS_MAX_PERIOD_NS ((int64_t)1 << 60)
    #define BLRCS_MAX_CLOCK_NS (((int64_t)1 << 62) - 1)
    #define BLRCS_MAX_LEASES ((int64_t)UINT32_MAX)
    """
    ctypedef unsigned long long uint128_t "blrcs_uint128"
    # The retry_after_ns of what no wait will admit.
    const int64_t NEVER_NS "BLRCS_NEVER_NS"
    # Bounds that keep every intermediate value below 2**127.
    const int64_t MAX_REQUESTS "BLRCS_MAX_REQUESTS"
    const int64_t MAX_PERIOD_NS "BLRCS_MAX_PERIOD_NS"
    const int64_t MAX_CLOCK_NS "BLRCS_MAX_CLOCK_NS"
    const int64_t MAX_LEASES "BLRCS_MAX_LEASES"

cdef enum:
    LEASE_SLICES = 6

cdef enum Algorithm:
    GCRA = 1
    FIXED_WINDOW = 2
    SLIDING_WINDOW = 3
    CONCURRENCY = 4

cdef struct RuleC:
    Algorithm algorithm
    int64_t limit
    int64_t burst
    int64_t period_ns
    # One request takes ``step`` units of 1/``scale`` ns: period / limit, in lowest terms.
    int64_t step
    int64_t scale
    uint64_t salt_low
    uint64_t salt_high

cdef struct DecisionC:
    bint allowed
    int64_t limit
    int64_t remaining
    int64_t retry_after_ns
    int64_t reset_after_ns
    int64_t lease

cdef struct GcraState:
    uint64_t tat_low
    uint64_t tat_high

cdef struct WindowState:
    int64_t number
    uint64_t current
    uint64_t previous

cdef struct LeaseState:
    int64_t slice
    uint32_t[LEASE_SLICES] held

cdef union LimitState:
    GcraState gcra
    WindowState window
    LeaseState lease

cdef bint settle(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, bint take, DecisionC* out
) noexcept nogil
cdef void give_back(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost
) noexcept nogil
cdef void release_lease(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, int64_t lease
) noexcept nogil
