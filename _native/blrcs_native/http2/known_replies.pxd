"""The C face of what a connection's replies have been encoded as before."""

from libc.stdint cimport int32_t, uint8_t

from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.outbox cimport Outbox
from blrcs_native.http2.stream cimport Stream

cdef enum ReplyPart:
    NO_PART
    # The head that most replies have, and what nghttp2 is given in its stead.
    PLAIN_HEAD
    STAND_IN_HEAD
    # The status of most.
    PLAIN_TRAILERS
    OTHER_FIELDS

cdef enum:
    MOST_KNOWN_BYTES = 8


cdef class KnownReplies:
    cdef uint8_t _head[MOST_KNOWN_BYTES]
    cdef uint8_t _trailers[MOST_KNOWN_BYTES]
    # 0 where it is not known.
    cdef size_t head_bytes
    cdef size_t trailers_bytes
    # Of those that were known last: a DATA frame that waits for room has them behind it.
    cdef size_t _last_trailers_bytes
    # nghttp2 has encoded something since the client may have changed the size of the table.
    cdef bint size_is_told

    cdef void forget(self) noexcept
    cdef void settings_received(self) noexcept
    cdef void note(self, ReplyPart part, const uint8_t* frame, size_t size) noexcept
    cdef inline bint are_whole(self) noexcept:
        return self.head_bytes > 0 and self.trailers_bytes > 0

    cdef int put_head(
        self, Octets* out, const uint8_t* frame, size_t size, Stream ended
    ) except -1
    cdef int put_status_alone(self, Octets* out, Stream ended) except -1
    cdef int _put_head(
        self, Octets* out, int32_t stream_id, uint8_t flags, const uint8_t* lead, size_t lead_bytes,
        Stream ended,
    ) except -1
    cdef int put_trailers(self, Octets* out, const uint8_t* data_head) except -1
    cdef int put_reply(self, Octets* out, int32_t stream_id, Outbox* message) except -1
