"""The C face of the room for large messages."""

from blrcs_native.http2.stream cimport Stream


cdef class Gathering:
    cdef Py_ssize_t _room
    # What a client may be sure to send unasked.
    cdef Py_ssize_t unasked_bytes
    cdef list _waiting

    cdef bint concerns(self, Stream stream) noexcept
    cdef bint admit(self, Stream stream) except -1
    cdef void wait(self, Stream stream) except *
    cdef Stream next_waiting(self)
    cdef void leave(self, Stream stream) except *
    cdef bint release(self, Stream stream) except -1
    cdef bint is_waited_for(self) noexcept
    cdef void close(self) except *
