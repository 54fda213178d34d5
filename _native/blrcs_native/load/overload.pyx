"""Keeps a server from being overloaded: who runs, and who is refused at once.

Counts are those of one process and one event loop. What a call takes by `enter` it gives back by
`leave`, once, however it ends; what only looks takes nothing.
"""

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.math cimport ceil
from libc.stdint cimport INT64_MAX, int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.load.adaptive_limit cimport AdaptiveLimit
from blrcs_native.monitoring.metrics cimport Counter, CounterCell, Gauge

PRIORITY_NAMES = ("critical", "high", "normal", "low")
REFUSAL_NAMES = ("limit", "wait", "deadline", "caller")

cdef enum:
    CRITICAL = 0
    OK = 0
    DEADLINE_EXCEEDED = 4
    MIN_SAMPLES = 10
    # Beyond that a call is slow, and how slow does not matter: one that waits for an event for
    # minutes must not speak for all.
    MOST_SLOWNESS = 8
    # While the loop is saturated, calls may wait for this part of the time that they may else.
    SATURATED_PART = 20
    # A mean over about so many calls is what is usual.
    USUAL_SAMPLES = 100
    # What of the limit is used to find out what calls take by themselves.
    PROBE_PART = 4

cdef int64_t WINDOW_NS = 100_000_000
cdef int64_t INTERVAL_NS = 100_000_000
cdef int64_t MOST_PROBE_NS = 1_000_000_000
cdef double SATURATED_SHARE = 0.85
cdef double MEDIAN_STEP = 1.0 / 16
# What a class of priority may use of a limit, and how patient it is.
cdef double[4] SHARES = [1.0, 1.0, 0.9, 0.6]
cdef double[4] PATIENCE = [0.0, 2.0, 1.0, 0.5]


cdef inline Py_ssize_t count_in(dict counts, str caller) except -1:
    cdef PyObject* found = PyDict_GetItemWithError(counts, caller)
    return 0 if found == NULL else <object>found


cdef Py_ssize_t share_of(double limit, int priority) noexcept:
    return <Py_ssize_t>max(ceil(limit * SHARES[priority] - 1e-9), 1.0)


@cython.final
cdef class Durations:
    """How long the calls of a method take."""

    cdef double observe(self, double elapsed_ns, bint is_whole) noexcept:
        """How many times longer than usual a call took; one that was cut short is not `is_whole`."""
        cdef double slowness
        if self.usual_ns == 0:
            if not is_whole:
                return 1.0
            self.usual_ns = self.typical_ns = elapsed_ns + 1
        slowness = min(elapsed_ns / self.usual_ns, <double>MOST_SLOWNESS)
        if is_whole:
            # Steps of one size up and down lead to the median.
            self.typical_ns *= 1 + MEDIAN_STEP if elapsed_ns > self.typical_ns else 1 - MEDIAN_STEP
            self.sum_ns += slowness * self.usual_ns
            self.count += 1
        return slowness

    cdef void settle(self, double window_share) noexcept:
        """A window is over: what is usual follows calls that are faster, and slowly those that are
        slower, so that it is what they take while there is no overload."""
        cdef double mean_ns
        if self.count == 0:
            return
        mean_ns = self.sum_ns / self.count
        if mean_ns < self.usual_ns:
            window_share = <double>self.count / (self.count + USUAL_SAMPLES)
        self.usual_ns += (mean_ns - self.usual_ns) * window_share
        self.sum_ns = 0
        self.count = 0

    cdef void settle_anew(self) noexcept:
        """As few ran as could be: what they took is what is usual."""
        if self.count > 0:
            self.usual_ns = self.sum_ns / self.count
        self.settle(0)


@cython.final
cdef class Overload:
    def __init__(
        self,
        rejections,
        *,
        Py_ssize_t max_calls,
        Py_ssize_t reserve=0,
        max_calls_per_caller=None,
        AdaptiveLimit adaptive=None,
        int64_t max_wait_ns=100_000_000,
        int64_t baseline_window_ns=30_000_000_000,
        Counter refused=None,
        Gauge running=None,
        Gauge limit=None,
    ):
        if max_calls < 1 or reserve < 0:
            raise ValueError("at least one call runs, and a reserve is 0 or more")
        self._rejections = tuple([tuple(each) for each in rejections])
        if len(self._rejections) != REFUSALS or not all(self._rejections):
            raise ValueError(f"there are rejections for each of {REFUSAL_NAMES}")
        self.max_calls = max_calls
        self.reserve = reserve
        self.max_calls_per_caller = -1 if max_calls_per_caller is None else max_calls_per_caller
        self.adaptive = adaptive
        self._max_wait_ns = max_wait_ns
        self._baseline_window_ns = max(baseline_window_ns, 1)
        self._by_principal = {}
        self._by_address = {}
        self._durations = {}
        self._seen = []
        self._window_began_ns = self._interval_began_ns = self._used_since_ns = monotonic_ns()
        self._running_cell = None if running is None else running.labels()
        self._limit_cell = None if limit is None else limit.labels()
        if refused is not None:
            self._refused_cells = tuple([
                tuple([refused.labels(priority, refusal) for refusal in REFUSAL_NAMES])
                for priority in PRIORITY_NAMES
            ])
        self._settle_limits()
        self._settle_patience()

    @property
    def limit(self):
        return self._limit_now()

    @property
    def callers(self):
        return len(self._by_principal) + len(self._by_address)

    def method(self, str name not None, str priority not None, *, bint is_unary):
        cdef MethodLoad load = MethodLoad.__new__(MethodLoad)
        if priority not in PRIORITY_NAMES:
            raise ValueError(f"{priority!r} is no priority")
        load.overload = self
        load.durations = self._durations.setdefault(name, Durations())
        load.priority = PRIORITY_NAMES.index(priority)
        load.is_unary = is_unary
        return load

    cdef double _limit_now(self) noexcept:
        if self.adaptive is None:
            return self.max_calls
        if self._probe_began_ns == 0:
            return self.adaptive.limit
        return max(self.adaptive.limit / PROBE_PART, 1.0)

    def worked(self, int64_t duration_ns, int64_t until_ns):
        self.busy_ns += duration_ns
        self._take_stock(until_ns)

    cdef void _settle_limits(self) noexcept:
        cdef int priority
        cdef double limit = self._limit_now()
        for priority in range(PRIORITIES):
            self._full[priority] = share_of(self.max_calls, priority)
            self._unary_full[priority] = self.max_calls + self.reserve
        if self.adaptive is not None:
            for priority in range(PRIORITIES):
                self._unary_full[priority] = share_of(limit, priority)
            self._unary_full[CRITICAL] += self.reserve
        self._full[CRITICAL] += self.reserve
        if self._limit_cell is not None:
            self._limit_cell.set(limit)

    def _settle_patience(self):
        cdef int priority
        cdef int64_t patience_ns = self._max_wait_ns
        if self.saturated:
            patience_ns //= SATURATED_PART
        for priority in range(PRIORITIES):
            self._patience_ns[priority] = <int64_t>(patience_ns * PATIENCE[priority])
        self._patience_ns[CRITICAL] = INT64_MAX

    cdef bint _is_crowded(self, MethodLoad load) noexcept:
        return self.running >= self._full[load.priority] or (
            load.is_unary and self._unary >= self._unary_full[load.priority]
        )

    cdef bint _is_pressed(self) noexcept:
        """Whether running a call in vain would be at others' cost."""
        return (
            self.saturated
            or 2 * self.running >= self.max_calls
            or (self.adaptive is not None and 2 * self._unary >= self.adaptive.limit)
        )

    cdef Rejection _refuse(self, MethodLoad load, Refusal refusal):
        cdef tuple kept = self._rejections[<int>refusal]
        if self._refused_cells is not None:
            (<CounterCell>self._refused_cells[load.priority][<int>refusal]).inc_c(1)
        # Callers are told of different times to come again at, so that they do not come together.
        self._refused += 1
        return kept[self._refused % len(kept)]

    cdef void _take_stock(self, int64_t now_ns) noexcept:
        """Finds out, once in an interval, whether the loop had any time left."""
        cdef int64_t passed_ns = now_ns - self._interval_began_ns
        cdef bint was_saturated = self.saturated
        if passed_ns < INTERVAL_NS:
            return
        self.saturated = self.busy_ns >= SATURATED_SHARE * passed_ns
        self.busy_ns = 0
        self._interval_began_ns = now_ns
        if self.saturated != was_saturated:
            self._settle_patience()

    cdef void _close_window(self, int64_t now_ns):
        cdef double share = 0
        # What calls take where many run says nothing of what they take by themselves.
        if 2 * self._peak < self.adaptive.limit:
            share = <double>(now_ns - self._window_began_ns) / self._baseline_window_ns
            share = min(share, 1.0)
            self._used_since_ns = now_ns
        for each in self._seen:
            (<Durations>each).settle(share)
        self.adaptive.update_c(self._slowness_sum / self._samples, self._peak)
        if now_ns - self._used_since_ns >= self._baseline_window_ns:
            self._probe_began_ns = self._used_since_ns = now_ns
        self._settle_limits()
        self._forget_window(now_ns)

    cdef void _end_probe(self, int64_t now_ns):
        for each in self._seen:
            (<Durations>each).settle_anew()
        self._probe_began_ns = 0
        self._settle_limits()
        self._forget_window(now_ns)

    cdef void _forget_window(self, int64_t now_ns):
        self._seen.clear()
        self._slowness_sum = 0
        self._samples = 0
        self._peak = self._unary
        self._window_began_ns = now_ns


@cython.final
cdef class MethodLoad:
    """A method's part in it; made by `Overload.method`."""

    cdef Rejection look(self, Call call):
        """Why a call that has come cannot run, as far as its head tells. It takes nothing."""
        cdef Overload overload = self.overload
        if overload._is_crowded(self):
            return overload._refuse(self, BY_LIMIT)
        if overload.adaptive is None:
            return None
        overload._take_stock(call.started_ns)
        if (
            call.arrived_ns != 0
            and call.started_ns - call.arrived_ns > overload._patience_ns[self.priority]
        ):
            return overload._refuse(self, BY_WAIT)
        if self._is_in_vain(call, call.started_ns):
            return overload._refuse(self, BY_DEADLINE)
        return None

    cdef bint _is_in_vain(self, Call call, int64_t now_ns) except -1:
        """Whether the caller will be gone by the time at which the reply can be expected."""
        cdef double left_ns
        if self.durations.typical_ns == 0 or not self.is_unary or not self.overload._is_pressed():
            return False
        if call.messages is not None:
            if call.messages.deadline_ns == 0:
                return False
            left_ns = call.messages.deadline_ns - now_ns
        else:
            left_s = call.stream.time_remaining()
            if left_s is None:
                return False
            left_ns = left_s * 1e9
        return left_ns < self.durations.typical_ns

    cdef Rejection enter(self, Call call):
        """Takes a place for the call's handler, or says why there is none."""
        cdef Overload overload = self.overload
        if overload._is_crowded(self):
            return overload._refuse(self, BY_LIMIT)
        if overload.adaptive is not None:
            call.entered_ns = monotonic_ns()
            if self._is_in_vain(call, call.entered_ns):
                return overload._refuse(self, BY_DEADLINE)
        if (
            overload.max_calls_per_caller >= 0
            and self.priority != CRITICAL
            and not self._take_share(call)
        ):
            return overload._refuse(self, BY_PRINCIPAL)
        call.place = self
        overload.running += 1
        if self.is_unary:
            overload._unary += 1
            overload._peak = max(overload._peak, overload._unary)
        if overload._running_cell is not None:
            overload._running_cell.set(overload.running)
        return None

    cdef bint _take_share(self, Call call) except -1:
        cdef dict counts
        cdef str caller
        cdef Py_ssize_t count
        if call.principal is not None:
            counts, caller = self.overload._by_principal, call.principal.name
        else:
            counts, caller = self.overload._by_address, call.peer_address
        count = count_in(counts, caller)
        if count >= self.overload.max_calls_per_caller:
            return False
        counts[caller] = count + 1
        call.place_counts = counts
        call.place_key = caller
        return True

    cdef void leave(self, Call call, int64_t now_ns):
        """Gives the place back. The code that the call ends with is known."""
        cdef Overload overload = self.overload
        cdef dict counts = call.place_counts
        cdef Py_ssize_t count
        call.place = None
        overload.running -= 1
        if overload._running_cell is not None:
            overload._running_cell.set(overload.running)
        if counts is not None:
            call.place_counts = None
            count = count_in(counts, call.place_key)
            if count > 1:
                counts[call.place_key] = count - 1
            else:
                del counts[call.place_key]
        if not self.is_unary:
            return
        overload._unary -= 1
        # How long it took tells of the server only where the handler came to its end, or to none.
        if overload.adaptive is None or not (
            call.ended_code == OK or call.ended_code == DEADLINE_EXCEEDED
        ):
            return
        self._note(now_ns - call.entered_ns, call.ended_code == OK, now_ns)

    def note(self, double elapsed_ns, *, Py_ssize_t running, int64_t now_ns, bint is_whole=True):
        if self.overload.adaptive is None:
            raise ValueError("durations count where the limit is adaptive")
        self.overload._peak = max(self.overload._peak, running)
        self._note(elapsed_ns, is_whole, now_ns)

    cdef void _note(self, double elapsed_ns, bint is_whole, int64_t now_ns):
        cdef Overload overload = self.overload
        cdef int64_t probe_began_ns = overload._probe_began_ns
        if probe_began_ns != 0:
            if now_ns - probe_began_ns >= MOST_PROBE_NS:
                overload._end_probe(now_ns)
                return
            if now_ns - elapsed_ns < probe_began_ns:  # it began while many ran
                return
        if is_whole and self.durations.count == 0:
            overload._seen.append(self.durations)
        overload._slowness_sum += self.durations.observe(elapsed_ns, is_whole)
        overload._samples += 1
        if overload._samples >= MIN_SAMPLES and now_ns - overload._window_began_ns >= WINDOW_NS:
            if probe_began_ns != 0:
                overload._end_probe(now_ns)
            else:
                overload._close_window(now_ns)
