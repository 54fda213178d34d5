"""The C face of the open streams of a connection."""

from blrcs_native.http2.stream cimport Stream


cdef class OpenStreams:
    # The streams, in no order, and None behind them.
    cdef list _places
    cdef Py_ssize_t count

    cdef void add(self, Stream stream) except *
    cdef void remove(self, Stream stream) except *
    cdef list all(self)
    cdef void clear(self) except *
