"""What replies have been encoded as before: most have the same head, and the same status.

HPACK makes the same octets of the same fields as long as its table stays as it is (RFC 7541, section
3.2). Fields of which each is found in the table leave it so. Once nghttp2 has encoded a head and a
status in that way they are written as they were, until it encodes something else.
"""

cimport cython
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from blrcs_native.http2.octets cimport Octets, octets_reserve
from blrcs_native.nghttp2 cimport (
    NGHTTP2_FLAG_END_HEADERS, NGHTTP2_FLAG_END_STREAM, NGHTTP2_HEADERS,
)

cdef enum:
    FRAME_HEAD_BYTES = 9
    # The index of `:status: 200` (RFC 7541, appendix A).
    STATUS_OK = 0x88

# `content-type` and `grpc-accept-encoding` as `submit_head` has them, as literals that are not indexed.
cdef bytes LITERALS = (
    b"\x0f\x10\x10application/grpc"
    b"\x00\x14grpc-accept-encoding\x15identity,deflate,gzip"
)


cdef int put_frame(
    Octets* out, const uint8_t* like, uint8_t flags, const uint8_t* payload, size_t size,
    const uint8_t* more, size_t more_size
) except -1:
    """A HEADERS frame of the stream of another frame."""
    cdef size_t whole = size + more_size
    cdef uint8_t* head = octets_reserve(out, FRAME_HEAD_BYTES + whole)
    if head == NULL:
        raise MemoryError
    memcpy(head, like, FRAME_HEAD_BYTES)
    head[0] = <uint8_t>(whole >> 16 & 0xFF)
    head[1] = <uint8_t>(whole >> 8 & 0xFF)
    head[2] = <uint8_t>(whole & 0xFF)
    head[3] = NGHTTP2_HEADERS
    head[4] = flags
    memcpy(head + FRAME_HEAD_BYTES, payload, size)
    memcpy(head + FRAME_HEAD_BYTES + size, more, more_size)
    out.end += FRAME_HEAD_BYTES + whole
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

    cdef void note(self, ReplyPart part, const uint8_t* frame, size_t size) noexcept:
        """A frame with fields that nghttp2 has encoded."""
        cdef const uint8_t* payload = frame + FRAME_HEAD_BYTES
        size -= FRAME_HEAD_BYTES
        if (
            frame[3] != NGHTTP2_HEADERS
            or not frame[4] & NGHTTP2_FLAG_END_HEADERS
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
            self.trailers_bytes = size

    cdef int put_head(self, Octets* out, const uint8_t* frame, size_t size) except -1:
        """Writes the head in whose stead nghttp2 has written this frame."""
        cdef const uint8_t* payload = frame + FRAME_HEAD_BYTES
        cdef const uint8_t* literals = LITERALS
        size -= FRAME_HEAD_BYTES
        if size != 1 or payload[0] != STATUS_OK:
            self.forget()
        if self.head_bytes > 0:
            return put_frame(out, frame, frame[4], self._head, self.head_bytes, self._head, 0)
        return put_frame(out, frame, frame[4], payload, size, literals, len(LITERALS))

    cdef int put_trailers(self, Octets* out, const uint8_t* data_head) except -1:
        """Writes the status behind the last DATA frame of a stream, whose head this is."""
        return put_frame(
            out, data_head, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
            self._trailers, self.trailers_bytes, self._trailers, 0,
        )
