"""The rate limiter: rules, decisions, and the limiter that joins algorithms and table.

The contract of the Python face stands in limiter.pyi, of the native one in limiter.pxd.
"""

from collections import namedtuple
from math import gcd
from typing import Literal

cimport cython
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from blrcs_native.limits.algorithm cimport (
    CONCURRENCY, FIXED_WINDOW, GCRA, MAX_LEASES, SLIDING_WINDOW, DecisionC, RuleC,
)
from blrcs_native.limits.algorithm cimport MAX_PERIOD_NS as LONGEST_NS
from blrcs_native.limits.algorithm cimport MAX_REQUESTS as MOST_REQUESTS
from blrcs_native.limits.algorithm cimport NEVER_NS as HOPELESS_NS
from blrcs_native.limits.cell cimport added, check_in, counted, refund_to, release_in, take_from
from blrcs_native.limits.sharing cimport LimitSharing
from blrcs_native.limits.table cimport LimitTable
from blrcs_native.siphash cimport Hash128, siphash128_of

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

Algorithm = Literal["gcra", "fixed_window", "sliding_window", "concurrency"]
NEVER_NS = HOPELESS_NS
MAX_PERIOD_NS = LONGEST_NS
MAX_REQUESTS = MOST_REQUESTS
globals()["MAX_STACK"] = MAX_STACK

LimiterStats = namedtuple(
    "LimiterStats", ["capacity_cells", "live_cells", "size_bytes", "forced_evictions"]
)

cdef dict ALGORITHMS = {
    "gcra": GCRA,
    "fixed_window": FIXED_WINDOW,
    "sliding_window": SLIDING_WINDOW,
    "concurrency": CONCURRENCY,
}
cdef dict ALGORITHM_NAMES = {number: name for name, number in ALGORITHMS.items()}


@cython.final
cdef class Rule:
    def __cinit__(
        self, str algorithm not None, limit, period_ns, *, str identity not None, burst=None
    ):
        cdef bytes values
        cdef Hash128 salt
        if algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm must be one of {', '.join(ALGORITHMS)}")
        most = MAX_LEASES if algorithm == "concurrency" else MOST_REQUESTS
        if not 0 <= limit <= most:
            raise ValueError(f"limit must be between 0 and {most}")
        if not 1 <= period_ns <= LONGEST_NS:
            raise ValueError(f"period_ns must be between 1 and {LONGEST_NS}")
        if burst is None:
            burst = limit
        elif algorithm != "gcra" and burst != limit:
            raise ValueError(f"{algorithm} has no burst other than its limit")
        elif not 0 <= burst <= MOST_REQUESTS:
            raise ValueError(f"burst must be between 0 and {MOST_REQUESTS}")
        elif limit == 0:
            # Nothing would ever come back, which is no rate.
            burst = 0
        values = f"{algorithm} {limit} {period_ns} {burst} {identity}".encode()
        # The salt need not be secret: it is joined to a keyed hash.
        salt = siphash128_of(values, len(values), 0, 0)
        common = gcd(limit, period_ns)
        self.identity = identity
        self.c.algorithm = ALGORITHMS[algorithm]
        self.c.limit = limit
        self.c.burst = burst
        self.c.period_ns = period_ns
        self.c.step = period_ns // common
        self.c.scale = limit // common if limit else 1
        self.c.salt_low = salt.low
        self.c.salt_high = salt.high

    @property
    def algorithm(self):
        return ALGORITHM_NAMES[self.c.algorithm]

    @property
    def limit(self):
        return self.c.limit

    @property
    def period_ns(self):
        return self.c.period_ns

    @property
    def burst(self):
        return self.c.burst

    def _values(self):
        return self.algorithm, self.c.limit, self.c.period_ns, self.c.burst, self.identity

    def __eq__(self, other):
        if not isinstance(other, Rule):
            return NotImplemented
        return self._values() == (<Rule>other)._values()

    def __hash__(self):
        return hash(self._values())

    def __reduce__(self):
        return _rule, self._values()

    def __repr__(self):
        return (
            f"Rule({self.algorithm!r}, {self.c.limit}, {self.c.period_ns}, "
            f"burst={self.c.burst}, identity={self.identity!r})"
        )


def _rule(algorithm, limit, period_ns, burst, identity):
    return Rule(algorithm, limit, period_ns, burst=burst, identity=identity)


@cython.final
@cython.freelist(64)
cdef class Decision:
    def __bool__(self):
        return self.allowed

    def __repr__(self):
        return (
            f"Decision(allowed={bool(self.allowed)}, limit={self.limit}, "
            f"remaining={self.remaining}, retry_after_ns={self.retry_after_ns}, "
            f"reset_after_ns={self.reset_after_ns}, lease={self.lease}, index={self.index})"
        )


cdef inline Decision decision_of(const DecisionC* c, Py_ssize_t place):
    cdef Decision decision = Decision.__new__(Decision)
    decision.allowed = c.allowed
    decision.limit = c.limit
    decision.remaining = c.remaining
    decision.retry_after_ns = c.retry_after_ns
    decision.reset_after_ns = c.reset_after_ns
    decision.lease = c.lease
    decision.index = -1 if c.allowed else place
    return decision


cdef inline int64_t saturated(object number) except? -1:
    """The int as 64 bits, cut to their range."""
    cdef int overflow = 0
    cdef long long value = PyLong_AsLongLongAndOverflow(number, &overflow)
    if overflow:
        return INT64_MAX if overflow > 0 else -INT64_MAX
    return value


cdef inline int64_t cost_of(object number) except -1:
    cdef int64_t cost = saturated(number)
    if cost < 0:
        raise ValueError("cost must not be negative")
    return cost


cdef inline Hash128 salted(Hash128 key, const RuleC* rule) noexcept nogil:
    """The fingerprint of key and rule. Without the hash key nobody finds two that are equal."""
    cdef Hash128 result
    result.low = key.low ^ rule.salt_low
    result.high = key.high ^ rule.salt_high
    return result


cdef inline Hash128 hash_of(LimitTable table, object key) except *:
    cdef Py_ssize_t size
    cdef const char* data
    if isinstance(key, str):
        data = PyUnicode_AsUTF8AndSize(key, &size)
        return table.hash(<const unsigned char*>data, size)
    if isinstance(key, bytes):
        return table.hash(<const unsigned char*><bytes>key, len(<bytes>key))
    raise TypeError(f"a key is str or bytes, not {type(key).__name__}")


@cython.final
cdef class Limiter:
    def __cinit__(
        self, capacity_cells=None, *, buffer=None, clock=None, hash_key=None,
        LimitSharing sharing=None,
    ):
        if clock is not None and not callable(clock):
            raise TypeError("clock must be callable")
        self.clock = clock
        if sharing is not None and buffer is None:
            raise ValueError("what processes share lies in a buffer")
        self.table = LimitTable(capacity_cells, buffer=buffer, hash_key=hash_key)
        if sharing is not None:
            sharing.join(self.table)
        self.sharing = sharing

    cdef int64_t now(self) except -1:
        """The clock's time, cut below at 0."""
        cdef timespec time
        if self.clock is None:
            clock_gettime(CLOCK_MONOTONIC, &time)
            return <int64_t>time.tv_sec * 1_000_000_000 + time.tv_nsec
        return max(saturated(self.clock()), 0)

    cdef Hash128 hash(self, const unsigned char* key, Py_ssize_t size) noexcept nogil:
        """What the _hashed methods and take_all want for a key."""
        return self.table.hash(key, size)

    cdef bint take(
        self, const RuleC* rule, const unsigned char* key, Py_ssize_t size, int64_t cost,
        int64_t now_ns, DecisionC* out
    ) noexcept nogil:
        """Takes ``cost`` if it is available, and says so in ``out``."""
        return self.take_hashed(rule, self.table.hash(key, size), cost, now_ns, out)

    cdef bint take_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t now_ns, DecisionC* out
    ) noexcept nogil:
        cdef Hash128 print = salted(key, rule)
        if self.sharing is None:
            return take_from(self.table, rule, print, cost, self.table.advance(now_ns), out)
        now_ns = self.sharing.enter(print, now_ns)
        take_from(self.table, rule, print, cost, now_ns, out)
        self.sharing.leave(print)
        return out.allowed

    cdef bint check_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t now_ns, DecisionC* out
    ) noexcept nogil:
        """Decides as take_hashed would, and takes nothing."""
        cdef Hash128 print = salted(key, rule)
        if self.sharing is None:
            return check_in(self.table, rule, print, cost, self.table.advance(now_ns), out)
        now_ns = self.sharing.enter(print, now_ns)
        check_in(self.table, rule, print, cost, now_ns, out)
        self.sharing.leave(print)
        return out.allowed

    cdef Py_ssize_t take_all(
        self, ClaimC* claims, Py_ssize_t count, int64_t now_ns, DecisionC* out
    ) noexcept nogil:
        """Takes all, or nothing where one refuses; ``out`` has room for ``count`` decisions.

        Returns the place of the refusing element with the longest wait, or -1. Claims on one cell
        add up. All are checked before the first is taken.
        """
        cdef Hash128[MAX_STACK] prints
        cdef uint64_t[MAX_STACK] stripes
        cdef Py_ssize_t i, refusing, stripe_count = 0
        for i in range(count):
            prints[i] = salted(claims[i].key, claims[i].rule)
            claims[i].place = 0
        if self.sharing is None:
            now_ns = self.table.advance(now_ns)
        else:
            stripe_count = self.sharing.stripes_of(prints, count, stripes)
            now_ns = self.sharing.enter_all(stripes, stripe_count, now_ns)
        refusing = self.check_all(claims, prints, count, now_ns, out)
        if refusing < 0:
            for i in range(count):
                take_from(self.table, claims[i].rule, prints[i], claims[i].cost, now_ns, &out[i])
                if self.sharing is not None and claims[i].held:
                    claims[i].place = self.sharing.occupy(claims[i].rule, prints[i], now_ns)
        if self.sharing is not None:
            self.sharing.leave_all(stripes, stripe_count)
        return refusing

    cdef Py_ssize_t check_all(
        self, const ClaimC* claims, const Hash128* prints, Py_ssize_t count, int64_t now_ns,
        DecisionC* out
    ) noexcept nogil:
        cdef Py_ssize_t i, j, refusing = -1
        cdef int64_t cost
        for i in range(count):
            cost = counted(claims[i].cost)
            for j in range(i):
                if prints[i].low == prints[j].low and prints[i].high == prints[j].high:
                    cost = added(cost, counted(claims[j].cost))
            if not check_in(self.table, claims[i].rule, prints[i], cost, now_ns, &out[i]):
                if refusing < 0 or out[i].retry_after_ns > out[refusing].retry_after_ns:
                    refusing = i
        return refusing

    cdef void refund_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t now_ns
    ) noexcept nogil:
        """Gives back what was taken, the latest first; a negative cost gives nothing."""
        cdef Hash128 print = salted(key, rule)
        if self.sharing is None:
            refund_to(self.table, rule, print, cost, self.table.advance(now_ns))
            return
        now_ns = self.sharing.enter(print, now_ns)
        refund_to(self.table, rule, print, cost, now_ns)
        self.sharing.leave(print)

    cdef void release_hashed(
        self, const RuleC* rule, Hash128 key, int64_t cost, int64_t lease, int64_t now_ns
    ) noexcept nogil:
        """Ends leases of a concurrency rule; ``lease`` is that of the decision that took them."""
        cdef Hash128 print = salted(key, rule)
        if self.sharing is None:
            release_in(self.table, rule, print, cost, lease, self.table.advance(now_ns))
            return
        now_ns = self.sharing.enter(print, now_ns)
        release_in(self.table, rule, print, cost, lease, now_ns)
        self.sharing.leave(print)

    cdef void release_place(
        self, const RuleC* rule, Hash128 key, uint64_t place, int64_t lease, int64_t now_ns
    ) noexcept nogil:
        """Ends one lease that take_all took; ``place`` is what it wrote into the claim."""
        cdef Hash128 print = salted(key, rule)
        if place == 0:
            self.release_hashed(rule, key, 1, lease, now_ns)
            return
        now_ns = self.sharing.enter(print, now_ns)
        release_in(self.table, rule, print, 1, lease, now_ns)
        self.sharing.vacate(place)
        self.sharing.leave(print)
        self.sharing.forget(place)

    def consume(self, Rule rule not None, key, cost=1):
        cdef DecisionC decision
        cdef int64_t units = cost_of(cost)
        cdef Hash128 hashed = hash_of(self.table, key)
        self.take_hashed(&rule.c, hashed, units, self.now(), &decision)
        return decision_of(&decision, 0)

    def peek(self, Rule rule not None, key, cost=1):
        cdef DecisionC decision
        cdef int64_t units = cost_of(cost)
        cdef Hash128 hashed = hash_of(self.table, key)
        self.check_hashed(&rule.c, hashed, units, self.now(), &decision)
        return decision_of(&decision, 0)

    def consume_all(self, claims not None):
        cdef ClaimC[MAX_STACK] stack
        cdef DecisionC[MAX_STACK] decisions
        # Held, since the stack points into rules that the caller's sequence may let go.
        cdef tuple held = tuple(claims)
        cdef list rules = []
        cdef Rule rule
        cdef Py_ssize_t place, i, count = len(held)
        if not 1 <= count <= MAX_STACK:
            raise ValueError(f"a stack has 1 to {MAX_STACK} elements")
        for i in range(count):
            rule, key, cost = held[i]
            if rule is None:
                raise TypeError("a stack's element names a rule")
            rules.append(rule)
            stack[i].rule = &rule.c
            stack[i].key = hash_of(self.table, key)
            stack[i].cost = cost_of(cost)
            stack[i].held = False
        place = self.take_all(stack, count, self.now(), decisions)
        if place < 0:
            place = 0
            for i in range(1, count):
                if decisions[i].remaining < decisions[place].remaining:
                    place = i
        return decision_of(&decisions[place], place)

    def refund(self, Rule rule not None, key, cost=1):
        cdef int64_t units = cost_of(cost)
        cdef Hash128 hashed = hash_of(self.table, key)
        self.refund_hashed(&rule.c, hashed, units, self.now())

    def release(self, Rule rule not None, key, lease, cost=1):
        cdef int64_t units = cost_of(cost)
        cdef int64_t taken_at_ns = saturated(lease)
        cdef Hash128 hashed = hash_of(self.table, key)
        if rule.c.algorithm != CONCURRENCY:
            raise ValueError(f"{rule.algorithm} knows no leases")
        self.release_hashed(&rule.c, hashed, units, taken_at_ns, self.now())

    def reset(self, Rule rule not None, key):
        cdef Hash128 print = salted(hash_of(self.table, key), &rule.c)
        if self.sharing is None:
            self.table.forget(print)
            return
        self.sharing.enter(print, 0)
        self.table.forget(print)
        self.sharing.leave(print)

    @property
    def forced_evictions(self):
        return self.table.forced_evictions

    def stats(self):
        cdef int64_t now_ns = self.table.header.last_seen_ns
        if self.sharing is not None:
            now_ns = self.sharing.last_seen_ns()
        return LimiterStats(
            self.table.capacity_cells,
            self.table.live_cells_at(now_ns),
            self.table.size_bytes,
            self.table.forced_evictions,
        )
