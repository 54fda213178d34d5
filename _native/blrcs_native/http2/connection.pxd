"""The C face of connections."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from blrcs_native.http2.abuse cimport Abuse
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.frame_budget cimport FrameBudget
from blrcs_native.http2.gathering cimport Gathering
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.outgoing cimport Outgoing
from blrcs_native.http2.plain_heads cimport PlainHeads
from blrcs_native.http2.stream cimport Listener, Stream

cdef enum:
    # How long one connection may work before the others have their turn.
    TURN_NS = 100_000


cdef class Connection(Outgoing):
    cdef Listener _listener
    cdef FieldCache _fields
    cdef PlainHeads _heads
    cdef Limits _limits
    cdef FrameBudget _budget
    cdef dict streams
    cdef list _ready
    cdef Gathering _gathering
    cdef int64_t now_ns
    cdef int64_t head_since_ns
    cdef int32_t _head_stream_id
    cdef int64_t last_activity_ns
    cdef bint greeted
    # Streams are ready that the last turn did not come to.
    cdef bint turn_over

    cdef bint receive_octets(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef bint finished(self) noexcept
    cdef void process(self) except *
    cdef void lose(self) except *
    cdef void _mark(self, Stream stream) except *
    cdef int _judged(self, Abuse verdict, bytes debug) noexcept
    cdef void _head_done(self, int32_t stream_id) noexcept
    cdef void _ended_by_protocol(self, uint32_t error_code) noexcept
    cdef void _fail(self, int code) except *
    cdef bint _is_full(self) noexcept
    cdef void _hand_on(self, Stream stream) except *
    cdef void _open_window(self, Stream stream) except *
    cdef void _tell_window(self, Stream stream) except *
    cdef void _give_back(self, Stream stream) except *
    cdef void _grant_waiting(self) except *
    cdef int _head_too_large(self, Stream stream) except -1
