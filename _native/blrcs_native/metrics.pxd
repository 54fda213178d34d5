"""C faces of the metrics, for observers written in Cython.

The methods ending in `_c` need no GIL and never fail; what the Python face refuses, they drop or
clamp as their docstrings say. A cell has a single writer at a time: the thread of the event loop.
"""

cimport cython
from libc.stdint cimport int64_t

cdef enum:
    CODE_COUNT = 17


@cython.final
cdef class MetricsBlock:
    cdef Py_buffer _view
    cdef bint _acquired
    cdef int64_t* _cells
    cdef readonly Py_ssize_t capacity_cells
    cdef readonly Py_ssize_t used_cells
    cdef list _families
    cdef set _names

    cdef int64_t* _reserve(self, Family family, set sample_names, object count) except NULL


cdef class Family:
    cdef MetricsBlock _block
    cdef readonly str name
    cdef readonly str help_text
    cdef readonly tuple label_names
    cdef readonly Py_ssize_t max_label_sets
    cdef int64_t* _overflow
    cdef int64_t* _cells
    cdef Py_ssize_t _width
    cdef Py_ssize_t _used_slots
    cdef dict _by_labels

    cdef object _define(
        self,
        MetricsBlock block,
        str name,
        str help_text,
        object label_names,
        object max_label_sets,
        Py_ssize_t width,
        set sample_names,
    )
    cdef object _check_names(self)
    cdef object _resolve(self, tuple values)
    cdef object _cell(self, int64_t* cells)


@cython.final
cdef class Counter(Family):
    pass


@cython.final
cdef class Gauge(Family):
    pass


@cython.final
cdef class Histogram(Family):
    cdef readonly tuple bounds
    cdef double* _limits
    cdef Py_ssize_t _bound_count


@cython.final
cdef class DurationHistogram(Family):
    cdef readonly tuple bounds_ns
    cdef readonly tuple bounds
    cdef int64_t* _limits_ns
    cdef Py_ssize_t _bound_count


@cython.final
cdef class CounterCell:
    cdef MetricsBlock _block
    cdef int64_t* _value

    cdef void inc_c(self, int64_t n) noexcept nogil


@cython.final
cdef class GaugeCell:
    cdef MetricsBlock _block
    cdef double* _value

    cdef void set_c(self, double value) noexcept nogil
    cdef void inc_c(self, double n) noexcept nogil


@cython.final
cdef class HistogramCell:
    cdef Histogram _family
    cdef double* _limits
    cdef Py_ssize_t _bound_count
    cdef int64_t* _counts
    cdef double* _sum

    cdef void observe_c(self, double value) noexcept nogil


@cython.final
cdef class DurationCell:
    cdef DurationHistogram _family
    cdef int64_t* _limits_ns
    cdef Py_ssize_t _bound_count
    cdef int64_t* _counts
    cdef double* _sum_ns

    cdef void observe_ns_c(self, int64_t elapsed_ns) noexcept nogil


@cython.final
cdef class MethodMetrics:
    cdef readonly str service
    cdef readonly str method
    cdef readonly str type
    cdef int64_t* _started
    cdef int64_t* _received
    cdef int64_t* _sent
    cdef int64_t* _handled[CODE_COUNT]
    cdef DurationCell _handling

    cdef void started_c(self) noexcept nogil
    cdef void handled_c(self, int code, int64_t elapsed_ns) noexcept nogil
    cdef void received_c(self) noexcept nogil
    cdef void sent_c(self) noexcept nogil


@cython.final
cdef class CallMetrics:
    cdef readonly Counter started
    cdef readonly Counter handled
    cdef readonly Counter received
    cdef readonly Counter sent
    cdef readonly DurationHistogram handling
    cdef readonly MethodMetrics unknown
    cdef readonly Py_ssize_t max_methods
    cdef dict _methods

    cdef MethodMetrics _create(self, tuple key)
