"""The C face of connections."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from blrcs_native.http2.abuse cimport Abuse, AbuseCounters, Bucket
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.stream cimport Link, Listener, Stream
from blrcs_native.nghttp2 cimport nghttp2_frame, nghttp2_frame_hd, nghttp2_session

cdef enum HeadProblem:
    NO_PROBLEM
    HEAD_TOO_LARGE
    HEAD_TIMEOUT
    HEAD_BINARY


cdef enum:
    # How long one connection may work before the others have their turn.
    TURN_NS = 100_000


cdef class Connection(Link):
    cdef nghttp2_session* _session
    cdef Listener _listener
    cdef FieldCache _fields
    cdef Limits _limits
    cdef AbuseCounters _abuse
    cdef dict streams
    cdef list _ready
    cdef list _gathering
    cdef Py_ssize_t _gather_room
    cdef int64_t now_ns
    cdef int64_t head_since_ns
    cdef int32_t _head_stream_id
    cdef int64_t last_activity_ns
    cdef int64_t _last_ping_ns
    cdef int _ping_strikes
    cdef Bucket _resets
    cdef Bucket _frames
    cdef bint greeted
    cdef bint condemned
    # Streams are ready that the last turn did not come to.
    cdef bint turn_over
    cdef bint draining
    cdef bint _drain_done
    cdef bint _failed
    cdef bint _lost
    cdef bint ping_answered
    cdef object _flush

    cdef bint receive_octets(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef bint pull(self, Octets* out, Py_ssize_t limit) except -1
    cdef bint wants_write(self) noexcept
    cdef bint finished(self) noexcept
    cdef void process(self) except *
    cdef void drain(self) except *
    cdef void finish_drain(self) except *
    cdef void ping(self) except *
    cdef void lose(self) except *
    cdef void condemn(self, Abuse kind, uint32_t error_code, bytes debug) noexcept
    cdef bint _has_too_much_to_answer(self) noexcept
    cdef void _mark(self, Stream stream) except *
    cdef int _begin_frame(self, const nghttp2_frame_hd* head) noexcept
    cdef void _head_done(self, int32_t stream_id) noexcept
    cdef void _ended_by_protocol(self, uint32_t error_code) noexcept
    cdef void _submit_head(self, Stream stream, bint with_status) except *
    cdef void _submit_trailers(self, Stream stream) except *
    cdef void _fail(self, int code) except *
    cdef bint _is_full(self) noexcept
    cdef void _hand_on(self, Stream stream) except *
    cdef void call_ended(self, bint well) except *
    cdef void taken(self, Stream stream) except *
    cdef void come_back(self, Stream stream) except *
    cdef void gather(self, Stream stream) except *
    cdef void too_large(self, bint inflated) noexcept
    cdef bint grant(self, Stream stream, Py_ssize_t size) except -1
    cdef void _consume_granted(self, Stream stream) except *
    cdef void give_back(self, Stream stream) except *
    cdef void _grant_waiting(self) except *
    cdef void _flush_soon(self) except *
    cdef void begin_reply(self, Stream stream) except *
    cdef void resume_reply(self, Stream stream) except *
    cdef void refuse_http(self, Stream stream, bytes http_status) except *
    cdef void reset(self, Stream stream, uint32_t error_code) except *
    cdef int _pinged(self) noexcept
    cdef int _reset_by_peer(self) noexcept
    cdef int _reset_provoked(self) noexcept
    cdef int _begin_stream(self, int32_t stream_id) except -1
    cdef int _head_too_large(self, Stream stream) except -1
    cdef int _head_field(
        self, Stream stream, const uint8_t* name, size_t name_size,
        const uint8_t* value, size_t value_size
    ) except -1
