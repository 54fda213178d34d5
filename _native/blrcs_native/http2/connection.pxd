"""The C face of connections."""

from libc.stdint cimport int64_t, uint32_t

from blrcs_native.http2.abuse cimport Abuse
from blrcs_native.http2.gathering cimport Gathering
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.whole_calls cimport WholeCalls

cdef enum:
    # How long one connection may work before the others have their turn.
    TURN_NS = 100_000


cdef class Connection(WholeCalls):
    cdef Gathering _gathering
    cdef bint greeted
    # Streams are ready that the last turn did not come to.
    cdef bint turn_over

    cdef bint receive_octets(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef bint finished(self) noexcept
    cdef void process(self) except *
    cdef bint _take_turn(self) except -1
    cdef void lose(self) except *
    cdef int _judged(self, Abuse verdict, bytes debug) noexcept
    cdef void _ended_by_protocol(self, uint32_t error_code) noexcept
    cdef void _fail(self, int code) except *
    cdef bint _is_full(self) noexcept
    cdef void _hand_on(self, Stream stream) except *
    cdef void _open_window(self, Stream stream) except *
    cdef void _tell_window(self, Stream stream) except *
    cdef void _give_back(self, Stream stream) except *
    cdef void _grant_waiting(self) except *
