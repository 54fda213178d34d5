"""What makes calls of streams."""

from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.http2.stream cimport Stream


cdef class Listener:
    cdef void begun(self, Stream stream) except *:
        """The head of a request is there."""
        raise NotImplementedError

    cdef void received(self, Stream stream) except *:
        """More of the request is there."""
        raise NotImplementedError

    cdef void broken(self, Stream stream, Rejection rejection) except *:
        """The client's messages are not as they must be."""
        raise NotImplementedError

    cdef void lost(self, Stream stream) except *:
        """The client gave up, or is gone."""
        raise NotImplementedError

    cdef void expired(self, Stream stream) except *:
        """The deadline has passed."""
        raise NotImplementedError

    cdef void ended(self, Stream stream, object result, object error) except *:
        """The handler has ended."""
        raise NotImplementedError

    cdef void answered(self, Stream stream, object answer) except *:
        """The answer that a direct handler has waited for is there."""
        raise NotImplementedError
