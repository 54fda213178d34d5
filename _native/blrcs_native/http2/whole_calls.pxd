"""The C face of calls that come as a whole."""

from libc.stdint cimport int32_t, uint8_t

from blrcs_native.http2.incoming_heads cimport IncomingHeads
from blrcs_native.http2.stream cimport Stream


cdef class WholeCalls(IncomingHeads):
    # Streams of which the listener is to hear.
    cdef list _ready
    # Calls that nghttp2 has not been shown, in the order of their numbers: those that are open, and
    # between them some that have ended.
    cdef list _hidden
    cdef Py_ssize_t _hidden_open
    # Among them, the one whose body is to come next.
    cdef Py_ssize_t _next_body
    # The last of those that have ended, and what nghttp2 does not know of yet; 0 where it knows all.
    cdef int32_t _ended_id
    cdef Py_ssize_t _ended_received_bytes
    cdef Py_ssize_t _ended_sent_bytes
    cdef Py_ssize_t _hidden_received_bytes

    cdef void _mark(self, Stream stream) except *
    cdef bint _has_room_for(self, Py_ssize_t size) noexcept
    cdef Stream _headed_stream(self, int32_t stream_id)
    cdef bint _answered(self, Stream stream) except -1
    cdef void _end_hidden(self, Stream stream, Py_ssize_t sent_bytes) except *
    cdef void show_all(self) except *
    cdef void _show(self, int32_t last_id) except *
    cdef void _show_ended(self) except *
    cdef void _show_open(self, Stream stream) except *
    cdef void _show_head(self, int32_t stream_id, const uint8_t* fields, size_t size) except *
    cdef void _show_body(self, int32_t stream_id, Py_ssize_t size) except *
    cdef void _show_octets(self, const uint8_t* octets, size_t size) except *
