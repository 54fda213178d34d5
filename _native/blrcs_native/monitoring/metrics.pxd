"""C faces of the metrics, for observers written in Cython.

The `nogil` methods never fail; what the Python face refuses, those ending in `_c` drop or clamp as
their docstrings say. A cell has one writer at a time: the thread of the event loop.
"""

cimport cython
from cpython.array cimport array
from libc.stdint cimport INT64_MAX, int64_t, uint64_t


cdef inline void add_saturating(int64_t* cell, int64_t n) noexcept nogil:
    # Neither is negative, so an overflow shows as a negative sum; the cell then stays full.
    cdef int64_t total = <int64_t>(<uint64_t>cell[0] + <uint64_t>n)
    cell[0] = total if total >= 0 else INT64_MAX


@cython.final
cdef class MetricsBlock:
    cdef Py_buffer _view
    cdef bint _acquired
    cdef int64_t* _cells
    cdef readonly Py_ssize_t capacity_cells
    cdef readonly Py_ssize_t used_cells
    cdef list _families
    cdef set _names
    cdef object _label_sets
    cdef bint _keep_gauges

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
    cdef Cell _new_cell(self, tuple values, Py_ssize_t slot)
    cdef Cell _resolve(self, tuple values)


@cython.final
cdef class Counter(Family):
    pass


@cython.final
cdef class Gauge(Family):
    cdef readonly str combine


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
    cdef inline void observe_ns_c(self, int64_t elapsed_ns) noexcept nogil:
        """Counts a duration; a negative one counts as 0."""
        cdef int64_t* limits = <int64_t*>self._limits
        cdef Py_ssize_t bucket = 0
        if elapsed_ns < 0:
            elapsed_ns = 0
        while bucket < self._bound_count and elapsed_ns > limits[bucket]:
            bucket += 1
        self._count(bucket, <double>elapsed_ns)
