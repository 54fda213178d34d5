"""The C face of what counts refusals."""

from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.monitoring.metrics cimport Counter


cdef class RejectionCounter:
    cdef Counter _family

    cdef void _count(self, Rejection rejection, str shadow) except *
