# cython: cdivision=True
# Every divisor below is positive by a rule's construction, and no dividend is negative.
"""The arithmetic of the four rate limit algorithms over one cell's state.

All times are nanoseconds of the limiter's clock, at least 0, at most MAX_CLOCK_NS and never less
than the time before; that the caller sees to. Everything is integer and exact, in 128 bits where
products need them: with the bounds on rules and clock no intermediate value exceeds 2**127. A state
of zeros is that of a key that has taken nothing.

GCRA (ITU-T I.371, virtual scheduling) keeps the theoretical arrival time in units of 1/scale ns, in
which one request takes a whole number of units, so that nothing is ever rounded away. Fixed windows
begin at multiples of the period. The sliding window counts in the same windows and takes the one
before as spread evenly: used = current + previous * (rest of the window) / period, compared without
rounding. Concurrency counts leases in slices of a fifth of the period, six of them.
"""

from libc.stdint cimport UINT64_MAX, int64_t, uint32_t, uint64_t


cdef inline int64_t quotient(uint128_t value, int64_t divisor) noexcept nogil:
    """Rounded down; saturates one below NEVER_NS, so that only the hopeless waits for ever."""
    cdef uint128_t result
    if value <= <uint128_t>UINT64_MAX:
        # The 64-bit division is several times faster, and this is the common case.
        result = <uint128_t>(<uint64_t>value // <uint64_t>divisor)
    else:
        result = value // <uint128_t>divisor
    if result >= <uint128_t>NEVER_NS:
        return NEVER_NS - 1
    return <int64_t>result


cdef inline int64_t quotient_up(uint128_t value, int64_t divisor) noexcept nogil:
    return quotient(value + <uint128_t>(divisor - 1), divisor)


cdef inline uint128_t lacking(uint128_t whole, uint128_t part) noexcept nogil:
    """whole - part, at least 0."""
    return whole - part if whole > part else <uint128_t>0


cdef inline uint128_t gcra_used(
    const RuleC* rule, const LimitState* state, int64_t now_ns
) noexcept nogil:
    cdef uint128_t tat = <uint128_t>state.gcra.tat_high << 64 | <uint128_t>state.gcra.tat_low
    return lacking(tat, <uint128_t>now_ns * <uint128_t>rule.scale)


cdef inline void gcra_store(
    const RuleC* rule, LimitState* state, int64_t now_ns, uint128_t used
) noexcept nogil:
    cdef uint128_t tat = <uint128_t>now_ns * <uint128_t>rule.scale + used
    state.gcra.tat_low = <uint64_t>tat
    state.gcra.tat_high = <uint64_t>(tat >> 64)


cdef inline void settle_gcra(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, bint take, DecisionC* out
) noexcept nogil:
    cdef uint128_t used = gcra_used(rule, state, now_ns)
    cdef uint128_t full = <uint128_t>rule.burst * <uint128_t>rule.step
    cdef uint128_t after = used + <uint128_t>cost * <uint128_t>rule.step
    out.allowed = after <= full
    if not out.allowed:
        out.retry_after_ns = quotient_up(after - full, rule.scale)
    elif take:
        used = after
        gcra_store(rule, state, now_ns, used)
    out.remaining = quotient(lacking(full, used), rule.step)
    out.reset_after_ns = quotient_up(used, rule.scale)


cdef inline void roll_window(const RuleC* rule, LimitState* state, int64_t now_ns) noexcept nogil:
    """Makes the window that now_ns lies in the current one."""
    cdef int64_t number = now_ns // rule.period_ns
    if state.window.number == number:
        return
    state.window.previous = state.window.current if state.window.number == number - 1 else 0
    state.window.current = 0
    state.window.number = number


cdef inline void settle_fixed_window(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, bint take, DecisionC* out
) noexcept nogil:
    cdef int64_t rest_ns
    roll_window(rule, state, now_ns)
    rest_ns = (state.window.number + 1) * rule.period_ns - now_ns
    out.allowed = state.window.current + <uint64_t>cost <= <uint64_t>rule.limit
    if not out.allowed:
        out.retry_after_ns = rest_ns
    elif take:
        state.window.current += <uint64_t>cost
    out.remaining = <int64_t>lacking(<uint128_t>rule.limit, <uint128_t>state.window.current)
    out.reset_after_ns = rest_ns if state.window.current else 0


cdef inline int64_t sliding_wait(
    const RuleC* rule, const LimitState* state, int64_t rest_ns, int64_t cost
) noexcept nogil:
    """The first time at which a cost that is refused now fits."""
    cdef uint128_t room
    cdef uint128_t limit = <uint128_t>rule.limit
    cdef uint128_t period_ns = <uint128_t>rule.period_ns
    cdef uint128_t counted = <uint128_t>state.window.current + <uint128_t>cost
    if counted <= limit:
        # It fits in this window, once the previous one weighs little enough.
        room = (limit - counted) * period_ns // <uint128_t>state.window.previous
        return rest_ns - <int64_t>room
    room = (limit - <uint128_t>cost) * period_ns // <uint128_t>state.window.current
    return rest_ns + rule.period_ns - <int64_t>room


cdef inline void settle_sliding_window(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, bint take, DecisionC* out
) noexcept nogil:
    cdef int64_t rest_ns
    cdef uint128_t used, after
    cdef uint128_t period_ns = <uint128_t>rule.period_ns
    cdef uint128_t full = <uint128_t>rule.limit * period_ns
    roll_window(rule, state, now_ns)
    rest_ns = (state.window.number + 1) * rule.period_ns - now_ns
    used = <uint128_t>state.window.previous * <uint128_t>rest_ns
    used += <uint128_t>state.window.current * period_ns
    after = used + <uint128_t>cost * period_ns
    out.allowed = after <= full
    if not out.allowed:
        out.retry_after_ns = sliding_wait(rule, state, rest_ns, cost)
    elif take:
        used = after
        state.window.current += <uint64_t>cost
    out.remaining = quotient(lacking(full, used), rule.period_ns)
    if state.window.current:
        out.reset_after_ns = rest_ns + rule.period_ns
    elif state.window.previous:
        out.reset_after_ns = rest_ns
    else:
        out.reset_after_ns = 0


cdef inline int64_t slice_width_ns(const RuleC* rule) noexcept nogil:
    return (rule.period_ns + LEASE_SLICES - 2) // (LEASE_SLICES - 1)


cdef inline void roll_slices(const RuleC* rule, LimitState* state, int64_t now_ns) noexcept nogil:
    """Lets the leases lapse whose slice is no longer among the last six."""
    cdef int64_t newest = now_ns // slice_width_ns(rule)
    cdef int64_t fresh = newest + 1
    if state.lease.slice < newest:
        # At least 0: the block may be shared, and what others wrote must not lead out of it.
        fresh = max(state.lease.slice + 1, newest - LEASE_SLICES + 1, 0)
    while fresh <= newest:
        state.lease.held[fresh % LEASE_SLICES] = 0
        fresh += 1
    state.lease.slice = newest


cdef inline void settle_concurrency(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, bint take, DecisionC* out
) noexcept nogil:
    cdef int64_t width_ns = slice_width_ns(rule)
    cdef int64_t newest, number, held
    cdef uint64_t used = 0, kept
    cdef int way
    roll_slices(rule, state, now_ns)
    newest = state.lease.slice
    for way in range(LEASE_SLICES):
        used += state.lease.held[way]
    kept = used
    out.allowed = used + <uint64_t>cost <= <uint64_t>rule.limit
    if out.allowed and take:
        state.lease.held[newest % LEASE_SLICES] += <uint32_t>cost
        used += <uint64_t>cost
    out.remaining = <int64_t>lacking(<uint128_t>rule.limit, <uint128_t>used)
    out.reset_after_ns = 0
    for number in range(newest - LEASE_SLICES + 1, newest + 1):
        if number < 0:
            continue
        held = state.lease.held[number % LEASE_SLICES]
        if held == 0:
            continue
        out.reset_after_ns = (number + LEASE_SLICES) * width_ns - now_ns
        kept -= <uint64_t>held
        if not out.allowed and out.retry_after_ns == 0:
            if kept + <uint64_t>cost <= <uint64_t>rule.limit:
                out.retry_after_ns = out.reset_after_ns


cdef bint settle(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, bint take, DecisionC* out
) noexcept nogil:
    """Decides on ``cost``, 0 to INT64_MAX, and says so in ``out``.

    ``state`` is brought to ``now_ns`` and, when the cost is allowed and ``take`` is set, charged.
    """
    cdef bint hopeless = cost > rule.burst
    if hopeless:
        cost = 0
        take = False
    out.limit = rule.limit
    out.retry_after_ns = 0
    out.lease = now_ns
    if rule.algorithm == GCRA:
        settle_gcra(rule, state, now_ns, cost, take, out)
    elif rule.algorithm == FIXED_WINDOW:
        settle_fixed_window(rule, state, now_ns, cost, take, out)
    elif rule.algorithm == SLIDING_WINDOW:
        settle_sliding_window(rule, state, now_ns, cost, take, out)
    else:
        settle_concurrency(rule, state, now_ns, cost, take, out)
    if hopeless:
        out.allowed = False
        out.retry_after_ns = NEVER_NS
    return out.allowed


cdef void give_back(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost
) noexcept nogil:
    """Undoes up to ``cost``, 0 to INT64_MAX, of what was taken and still counts, latest first."""
    cdef uint64_t given
    cdef uint64_t left = <uint64_t>cost
    cdef int64_t number
    cdef uint32_t* held
    if rule.algorithm == GCRA:
        gcra_store(
            rule, state, now_ns,
            lacking(gcra_used(rule, state, now_ns), <uint128_t>cost * <uint128_t>rule.step),
        )
    elif rule.algorithm == CONCURRENCY:
        roll_slices(rule, state, now_ns)
        number = state.lease.slice
        while left and number >= 0 and number > state.lease.slice - LEASE_SLICES:
            held = &state.lease.held[number % LEASE_SLICES]
            given = min(left, <uint64_t>held[0])
            held[0] -= <uint32_t>given
            left -= given
            number -= 1
    else:
        roll_window(rule, state, now_ns)
        given = min(left, state.window.current)
        state.window.current -= given
        if rule.algorithm == SLIDING_WINDOW:
            state.window.previous -= min(left - given, state.window.previous)


cdef void release_lease(
    const RuleC* rule, LimitState* state, int64_t now_ns, int64_t cost, int64_t lease
) noexcept nogil:
    """Undoes up to ``cost`` of what was taken in the slice of the time ``lease``, if it counts."""
    cdef int64_t number = lease // slice_width_ns(rule)
    cdef uint32_t* held
    roll_slices(rule, state, now_ns)
    if lease < 0 or number > state.lease.slice or number <= state.lease.slice - LEASE_SLICES:
        return
    held = &state.lease.held[number % LEASE_SLICES]
    held[0] -= <uint32_t>min(<uint64_t>cost, <uint64_t>held[0])
