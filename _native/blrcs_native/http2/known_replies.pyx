"""What replies have been encoded as before: most have the same head, and the same status.

HPACK makes the same octets of the same fields as long as its table stays as it is (RFC 7541, section
3.2). Fields of which each is found in the table leave it so. Once nghttp2 has encoded a head and a
status in that way they are written as they were, until it encodes something else. A status that no
message is before goes behind its head as literals, which need no table.
"""

cimport cython
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcpy

from blrcs_native.http2.frame_head cimport (
    FLAGS_AT, FRAME_HEAD_BYTES, put_frame_head, stream_of,
)
from blrcs_native.http2.nghttp2 cimport (
    NGHTTP2_DATA, NGHTTP2_FLAG_END_HEADERS, NGHTTP2_FLAG_END_STREAM, NGHTTP2_FLAG_NONE,
    NGHTTP2_HEADERS,
)
from blrcs_native.http2.octets cimport Octets, octets_reserve
from blrcs_native.http2.outbox cimport Outbox, outbox_move, outbox_size
from blrcs_native.http2.status_literals cimport put_status, status_size
from blrcs_native.http2.stream cimport Stream

cdef enum:
    # The index of `:status: 200` (RFC 7541, appendix A).
    STATUS_OK = 0x88

# `content-type` and `grpc-accept-encoding` as `submit_head` has them, as literals that are not indexed.
cdef bytes LITERALS = (
    b"\x0f\x10\x10application/grpc"
    b"\x00\x14grpc-accept-encoding\x15identity,deflate,gzip"
)
cdef uint8_t ALONE = STATUS_OK


cdef int put_frame(
    Octets* out, int32_t stream_id, uint8_t flags, const uint8_t* payload, size_t size
) except -1:
    """A HEADERS frame."""
    cdef uint8_t* at = octets_reserve(out, FRAME_HEAD_BYTES + size)
    if at == NULL:
        raise MemoryError
    memcpy(put_frame_head(at, size, NGHTTP2_HEADERS, flags, stream_id), payload, size)
    out.end += FRAME_HEAD_BYTES + size
    return 0


cdef bint are_indices(const uint8_t* payload, size_t size) noexcept:
    """Whether each octet stands for a field that is in the table."""
    cdef size_t index
    for index in range(size):
        if payload[index] <= 0x80 or payload[index] == 0xFF:
            return False
    return True


@cython.final
cdef class KnownReplies:
    cdef void forget(self) noexcept:
        """The table is another, or will be."""
        self.head_bytes = self.trailers_bytes = 0

    cdef void settings_received(self) noexcept:
        """The table may have another size, of which the next head that nghttp2 encodes tells."""
        self.forget()
        self.size_is_told = False

    cdef void note(self, ReplyPart part, const uint8_t* frame, size_t size) noexcept:
        """A frame with fields that nghttp2 has encoded."""
        cdef const uint8_t* payload = frame + FRAME_HEAD_BYTES
        size -= FRAME_HEAD_BYTES
        # A head that goes on was encoded earlier.
        self.size_is_told |= frame[3] == NGHTTP2_HEADERS
        if (
            frame[3] != NGHTTP2_HEADERS
            or not frame[FLAGS_AT] & NGHTTP2_FLAG_END_HEADERS
            or not are_indices(payload, size)
        ):
            self.forget()
        elif size > MOST_KNOWN_BYTES:
            return
        elif part == PLAIN_HEAD:
            memcpy(self._head, payload, size)
            self.head_bytes = size
        elif part == PLAIN_TRAILERS:
            memcpy(self._trailers, payload, size)
            self.trailers_bytes = self._last_trailers_bytes = size

    cdef int put_head(
        self, Octets* out, const uint8_t* frame, size_t size, Stream ended
    ) except -1:
        """Writes the head in whose stead nghttp2 has written this frame, and the status of a stream
        that ends with it."""
        cdef const uint8_t* payload = frame + FRAME_HEAD_BYTES
        size -= FRAME_HEAD_BYTES
        self.size_is_told = True
        if size != 1 or payload[0] != STATUS_OK:
            self.forget()
        return self._put_head(out, stream_of(frame), frame[FLAGS_AT], payload, size, ended)

    cdef int put_status_alone(self, Octets* out, Stream ended) except -1:
        """Writes a reply that is a head and a status, which nghttp2 has not been told of."""
        return self._put_head(
            out, ended.id, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, &ALONE, 1, ended
        )

    cdef int _put_head(
        self, Octets* out, int32_t stream_id, uint8_t flags, const uint8_t* lead, size_t lead_bytes,
        Stream ended,
    ) except -1:
        """`lead` is the HTTP status, and what nghttp2 has to say of the table before it."""
        cdef const uint8_t* rest = LITERALS
        cdef size_t rest_bytes = len(LITERALS), status_bytes = 0
        cdef uint8_t* at
        if self.head_bytes > 0:
            lead, lead_bytes, rest_bytes = self._head, self.head_bytes, 0
        if ended is not None:
            status_bytes = status_size(ended)
        at = octets_reserve(out, FRAME_HEAD_BYTES + lead_bytes + rest_bytes + status_bytes)
        if at == NULL:
            raise MemoryError
        at = put_frame_head(
            at, lead_bytes + rest_bytes + status_bytes, NGHTTP2_HEADERS, flags, stream_id
        )
        memcpy(at, lead, lead_bytes)
        memcpy(at + lead_bytes, rest, rest_bytes)
        if ended is not None:
            put_status(at + lead_bytes + rest_bytes, ended)
        out.end += FRAME_HEAD_BYTES + lead_bytes + rest_bytes + status_bytes
        return 0

    cdef int put_trailers(self, Octets* out, const uint8_t* data_head) except -1:
        """Writes the status behind the last DATA frame of a stream, whose head this is.

        It was known when nghttp2 made the frame, which may have waited for room since. Whatever has been
        said of the table meanwhile counts from nghttp2's answer on, which leaves behind it.
        """
        return put_frame(
            out, stream_of(data_head), NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
            self._trailers, self._last_trailers_bytes,
        )

    cdef int put_reply(self, Octets* out, int32_t stream_id, Outbox* message) except -1:
        """Writes the head, this message and the status, where both are known."""
        cdef Py_ssize_t size = outbox_size(message)
        cdef uint8_t* at
        put_frame(out, stream_id, NGHTTP2_FLAG_END_HEADERS, self._head, self.head_bytes)
        at = octets_reserve(out, FRAME_HEAD_BYTES)
        if at == NULL:
            raise MemoryError
        put_frame_head(at, size, NGHTTP2_DATA, NGHTTP2_FLAG_NONE, stream_id)
        out.end += FRAME_HEAD_BYTES
        outbox_move(message, out, size)
        return put_frame(
            out, stream_id, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
            self._trailers, self.trailers_bytes,
        )
