"""C faces of the metrics, for observers written in Cython.

The `nogil` methods never fail; what the Python face refuses, those ending in `_c` drop or clamp as
their docstrings say. A cell has one writer at a time: the thread of the event loop.
"""

cimport cython
from cpython.array cimport array
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

    cdef int64_t* _reserve(self, object owner, object count) except NULL


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
    cdef type _cell_type
    cdef dict _by_labels
    cdef array _limits

    cdef object _define(
        self, object label_names, object max_label_sets, type cell_type, tuple suffixes
    )
    cdef Cell _cell(self, tuple values, Py_ssize_t slot)
    cdef Cell _resolve(self, tuple values)


@cython.final
cdef class Counter(Family):
    pass


@cython.final
cdef class Gauge(Family):
    pass


@cython.final
cdef class Histogram(Family):
    cdef readonly tuple bounds


@cython.final
cdef class DurationHistogram(Family):
    cdef readonly tuple bounds
    cdef readonly tuple bounds_ns


cdef class Cell:
    cdef Family _family
    cdef int64_t* _cells
    cdef void* _limits
    cdef Py_ssize_t _bound_count


@cython.final
cdef class CounterCell(Cell):
    cdef void inc_c(self, int64_t n) noexcept nogil


@cython.final
cdef class GaugeCell(Cell):
    cpdef void set(self, double value) noexcept nogil
    cdef void inc_c(self, double n) noexcept nogil


cdef class BucketCell(Cell):
    cdef inline void _count(self, Py_ssize_t bucket, double value) noexcept nogil:
        self._cells[bucket] += 1
        (<double*>self._cells)[self._bound_count + 1] += value


@cython.final
cdef class HistogramCell(BucketCell):
    cdef void observe_c(self, double value) noexcept nogil


@cython.final
cdef class DurationCell(BucketCell):
    cdef void observe_ns_c(self, int64_t elapsed_ns) noexcept nogil


@cython.final
cdef class MethodMetrics:
    cdef readonly str service
    cdef readonly str method
    cdef readonly str call_type
    cdef int64_t* _started
    cdef int64_t* _received
    cdef int64_t* _sent
    cdef int64_t* _handled[CODE_COUNT]
    cdef DurationCell _handling

    cpdef void started(self) noexcept nogil
    cpdef void handled(self, int code, int64_t elapsed_ns) noexcept nogil
    cpdef void received(self) noexcept nogil
    cpdef void sent(self) noexcept nogil


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
