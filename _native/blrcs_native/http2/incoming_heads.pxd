"""The C face of heads on their way into a connection."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.frame_budget cimport FrameBudget
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.listener cimport Listener
from blrcs_native.http2.open_streams cimport OpenStreams
from blrcs_native.http2.outgoing cimport Outgoing
from blrcs_native.http2.plain_heads cimport PlainHeads
from blrcs_native.http2.stream cimport Stream


cdef class IncomingHeads(Outgoing):
    cdef Listener _listener
    cdef FieldCache _fields
    cdef PlainHeads _heads
    cdef Limits _limits
    cdef FrameBudget _budget
    cdef OpenStreams streams
    # When the bytes that are being read have come.
    cdef int64_t now_ns
    cdef int64_t last_activity_ns
    cdef int64_t head_since_ns
    # Whose head is being read; None where its stream was refused.
    cdef Stream _head_stream
    cdef int32_t _head_stream_id

    cdef Stream opened(self, int32_t stream_id)
    cdef void head_ended(self, Stream stream, int32_t stream_id, bint is_request) except *
    cdef void head_given_up(self, int32_t stream_id) noexcept
    cdef bint _is_too_large(self, Stream stream) noexcept
    cdef int _head_too_large(self, Stream stream) except -1
