"""The C face of methods."""

from blrcs_native.monitoring.call_metrics cimport MethodMetrics


cdef class Method:
    cdef readonly str name
    cdef readonly str service
    cdef readonly str short_name
    cdef readonly bint client_streaming
    cdef readonly bint server_streaming
    cdef readonly object policy
    cdef readonly object input_descriptor
    cdef readonly object parse
    cdef object refill
    cdef readonly object serialize
    cdef readonly MethodMetrics metrics
