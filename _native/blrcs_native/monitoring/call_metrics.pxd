"""C faces of the metrics of calls, for the pipeline; no `nogil` method fails."""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.monitoring.metrics cimport Counter, DurationCell, DurationHistogram

cdef enum:
    CODE_COUNT = 17


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
