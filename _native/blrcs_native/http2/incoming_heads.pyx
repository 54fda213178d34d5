"""The heads of requests on their way into a connection: a stream for each, within the limits."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from blrcs_native.http2.abuse cimport HEADER_BOMB, STREAM_LIMIT
from blrcs_native.http2.nghttp2 cimport *
from blrcs_native.http2.outgoing cimport Outgoing
from blrcs_native.http2.request_head cimport HEAD_TOO_LARGE, read_head_field
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.stream_memory cimport keep_memory_of

cdef enum:
    FIELD_BYTES = 32
    # So far beyond its limit that it is no mistake.
    HEAD_BOMB_FACTOR = 4


cdef class IncomingHeads(Outgoing):
    cdef int head_begun(self, int32_t stream_id) except -1:
        cdef Stream stream
        if self.running >= self._limits.max_streams:
            # Streams that were reset are gone for HTTP/2, but their handlers may still run.
            self._abuse.count(STREAM_LIMIT)
            self._head_stream = None
            nghttp2_submit_rst_stream(
                self._session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM
            )
            return 0
        stream = self.opened(stream_id)
        self._budget.call_begun()
        self.head_since_ns = self.now_ns
        self._head_stream = stream
        self._head_stream_id = stream_id
        self.head_is_known = self._heads.is_recalling()
        nghttp2_session_set_stream_user_data(self._session, stream_id, <void*>stream)
        self._recent = stream
        return 0

    cdef Stream opened(self, int32_t stream_id):
        cdef Stream stream = Stream.__new__(Stream)
        stream.id = stream_id
        stream.link = self
        stream.listener = self._listener
        stream.arrived_ns = self.now_ns
        self.streams.add(stream)
        return stream

    cdef int head_field(
        self, int32_t stream_id, const uint8_t* name, size_t name_size,
        const uint8_t* value, size_t value_size
    ) except -1:
        cdef Stream stream = self._head_stream
        if stream is None or stream.id != stream_id:
            return 0
        stream.head_bytes += name_size + value_size + FIELD_BYTES
        stream.head_fields += 1
        if not self._is_too_large(stream):
            read_head_field(stream, self._fields, self.now_ns, name, name_size, value, value_size)
            # Whose values count as fields.
            if not self._is_too_large(stream):
                return 0
        return self._head_too_large(stream)

    cdef bint _is_too_large(self, Stream stream) noexcept:
        return (
            stream.head_bytes > self._limits.hard_head_bytes
            or stream.head_fields > self._limits.max_head_fields
        )

    cdef int _head_too_large(self, Stream stream) except -1:
        if stream.head_problem != HEAD_TOO_LARGE:
            self._abuse.count(HEADER_BOMB)
        stream.head_problem = HEAD_TOO_LARGE
        stream.metadata = None
        if stream.head_bytes > HEAD_BOMB_FACTOR * self._limits.hard_head_bytes:
            self.condemn(HEADER_BOMB, NGHTTP2_ENHANCE_YOUR_CALM, b"too_much_metadata")
            return NGHTTP2_ERR_CALLBACK_FAILURE
        return 0

    cdef void head_ended(self, Stream stream, int32_t stream_id, bint is_request) except *:
        """The head has been read to its end: the request's, or what stands behind it."""
        self.head_given_up(stream_id)
        if stream is not None and is_request:
            self._heads.head_read(stream, self.now_ns)

    cdef void head_given_up(self, int32_t stream_id) noexcept:
        if stream_id == self._head_stream_id:
            self.head_since_ns = 0
            self._head_stream = None


keep_memory_of(Stream)
