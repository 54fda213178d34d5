"""The C face of what makes calls of streams."""

from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.http2.current_task cimport CurrentTask
from blrcs_native.http2.stream cimport Stream


cdef class Listener:
    cdef readonly object loop
    cdef readonly object eof
    cdef readonly object abort_error
    cdef readonly object usage_error
    # Told of the turns in which it hears of streams.
    cdef CurrentTask current_task

    cdef void begun(self, Stream stream) except *
    cdef void received(self, Stream stream) except *
    cdef void broken(self, Stream stream, Rejection rejection) except *
    cdef void lost(self, Stream stream) except *
    cdef void expired(self, Stream stream) except *
    cdef void ended(self, Stream stream, object result, object error) except *
    cdef void answered(self, Stream stream, object answer) except *
