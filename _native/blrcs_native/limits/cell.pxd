# cython: cdivision=True
"""What is done to one key's cell, for the limiter and for those who give back what the dead held.

The caller has the GIL or the lock of the cell's bucket, and ``now_ns`` is the table's time. What a
cell of a shared table was is noted before it is touched.
"""

from libc.stdint cimport INT64_MAX, int64_t
from libc.string cimport memset

from blrcs_native.limits.algorithm cimport (
    CONCURRENCY, DecisionC, LimitState, RuleC, give_back, release_lease, settle,
)
from blrcs_native.limits.table cimport Cell, LimitTable
from blrcs_native.siphash cimport Hash128


cdef inline int64_t added(int64_t one, int64_t other) noexcept nogil:
    """The sum of two that are not negative, saturating."""
    return INT64_MAX if one > INT64_MAX - other else one + other


cdef inline int64_t counted(int64_t cost) noexcept nogil:
    return cost if cost >= 0 else INT64_MAX


# By a burst of 0 nothing is taken, so that nothing is kept.
cdef inline void keep(
    const RuleC* rule, Cell* cell, int64_t now_ns, const DecisionC* decision
) noexcept nogil:
    """Writes down what claim looks at when it seeks a victim."""
    cell.recovers_at_ns = added(now_ns, decision.reset_after_ns)
    cell.load = 1 - <double>decision.remaining / <double>rule.burst


cdef inline Cell* find_to_change(LimitTable table, Hash128 print) noexcept nogil:
    cdef Cell* cell = table.find(print)
    if cell is not NULL and table.journal is not NULL:
        table.note(cell)
    return cell


cdef inline bint take_from(
    LimitTable table, const RuleC* rule, Hash128 print, int64_t cost, int64_t now_ns, DecisionC* out
) noexcept nogil:
    cdef Cell* cell = find_to_change(table, print)
    cdef LimitState state
    if cell is not NULL:
        if settle(rule, &cell.state, now_ns, counted(cost), True, out) and cost > 0:
            keep(rule, cell, now_ns, out)
        return out.allowed
    memset(&state, 0, sizeof(state))
    if settle(rule, &state, now_ns, counted(cost), True, out) and cost > 0:
        cell = table.claim(print, now_ns)
        cell.state = state
        keep(rule, cell, now_ns, out)
    return out.allowed


cdef inline bint check_in(
    LimitTable table, const RuleC* rule, Hash128 print, int64_t cost, int64_t now_ns, DecisionC* out
) noexcept nogil:
    cdef Cell* cell = table.find(print)
    cdef LimitState state
    if cell is NULL:
        memset(&state, 0, sizeof(state))
    else:
        state = cell.state
    return settle(rule, &state, now_ns, counted(cost), False, out)


cdef inline void refund_to(
    LimitTable table, const RuleC* rule, Hash128 print, int64_t cost, int64_t now_ns
) noexcept nogil:
    cdef Cell* cell = find_to_change(table, print)
    cdef DecisionC found
    if cell is not NULL and cost > 0:
        give_back(rule, &cell.state, now_ns, cost)
        settle(rule, &cell.state, now_ns, 0, False, &found)
        keep(rule, cell, now_ns, &found)


cdef inline void release_in(
    LimitTable table, const RuleC* rule, Hash128 print, int64_t cost, int64_t lease, int64_t now_ns
) noexcept nogil:
    cdef Cell* cell = find_to_change(table, print)
    cdef DecisionC found
    if cell is not NULL and cost > 0 and rule.algorithm == CONCURRENCY:
        release_lease(rule, &cell.state, now_ns, cost, lease)
        settle(rule, &cell.state, now_ns, 0, False, &found)
        keep(rule, cell, now_ns, &found)
