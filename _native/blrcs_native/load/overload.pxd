"""The C face of what keeps a server from being overloaded."""

from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.load.adaptive_limit cimport AdaptiveLimit
from blrcs_native.monitoring.metrics cimport CounterCell, GaugeCell

cdef enum:
    PRIORITIES = 4
    REFUSALS = 4

cdef enum Refusal:
    BY_LIMIT = 0
    BY_WAIT = 1
    BY_DEADLINE = 2
    BY_PRINCIPAL = 3


cdef class Overload:
    cdef readonly Py_ssize_t max_calls
    cdef readonly Py_ssize_t reserve
    cdef readonly Py_ssize_t max_calls_per_caller
    cdef readonly AdaptiveLimit adaptive
    # Calls whose handlers run; of unary methods alone, and the most of these in this window.
    cdef readonly Py_ssize_t running
    cdef Py_ssize_t _unary
    cdef Py_ssize_t _peak
    # From how many on a class of priority is refused: of all calls, of unary calls.
    cdef Py_ssize_t _full[PRIORITIES]
    cdef Py_ssize_t _unary_full[PRIORITIES]
    # How long calls may have waited before they begin.
    cdef int64_t _patience_ns[PRIORITIES]
    cdef int64_t _max_wait_ns
    # What the present window of durations has seen.
    cdef int64_t _window_began_ns
    cdef int64_t _baseline_window_ns
    # Since when the limit has been in use without a pause, and since when it is lowered to find out
    # what calls take by themselves; 0 where it is not.
    cdef int64_t _used_since_ns
    cdef int64_t _probe_began_ns
    cdef double _slowness_sum
    cdef Py_ssize_t _samples
    cdef list _seen
    # How long the event loop has worked since the interval began.
    cdef int64_t busy_ns
    cdef int64_t _interval_began_ns
    cdef readonly bint saturated
    # Running calls by principal, and by address where there is none.
    cdef dict _by_principal
    cdef dict _by_address
    cdef dict _durations
    cdef tuple _rejections
    cdef unsigned int _refused
    cdef tuple _refused_cells
    cdef GaugeCell _running_cell
    cdef GaugeCell _limit_cell

    cdef bint _is_crowded(self, MethodLoad load) noexcept
    cdef bint _is_pressed(self) noexcept
    cdef Rejection _refuse(self, MethodLoad load, Refusal refusal)
    cdef void _take_stock(self, int64_t now_ns) noexcept
    cdef void _close_window(self, int64_t now_ns)
    cdef void _end_probe(self, int64_t now_ns)
    cdef void _forget_window(self, int64_t now_ns)
    cdef double _limit_now(self) noexcept
    cdef void _settle_limits(self) noexcept


cdef class Durations:
    cdef double usual_ns
    cdef double typical_ns
    cdef double sum_ns
    cdef Py_ssize_t count

    cdef double observe(self, double elapsed_ns, bint is_whole) noexcept
    cdef void settle(self, double window_share) noexcept
    cdef void settle_anew(self) noexcept


cdef class MethodLoad:
    cdef Overload overload
    cdef Durations durations
    cdef int priority
    cdef bint is_unary

    cdef Rejection look(self, Call call)
    cdef Rejection enter(self, Call call)
    cdef void leave(self, Call call, int64_t now_ns)
    cdef void _note(self, double elapsed_ns, bint is_whole, int64_t now_ns)
    cdef bint _is_in_vain(self, Call call, int64_t now_ns) except -1
    cdef bint _take_share(self, Call call) except -1
