"""The C face of what reads heads ahead of nghttp2."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from blrcs_native.http2.frame_head cimport FRAME_HEAD_BYTES
from blrcs_native.http2.huffman_cache cimport HuffmanCache
from blrcs_native.http2.known_heads cimport Differing, KnownHead, KnownHeads
from blrcs_native.http2.session cimport FAILURE, Session
from blrcs_native.http2.stream cimport Stream

cdef enum:
    PLACES = 4


cdef class PlainHeads:
    cdef HuffmanCache _texts
    cdef KnownHeads _known
    # While nghttp2 reads a head: what it stands for, or its octets where they are to be learned.
    cdef KnownHead _recalled
    cdef const uint8_t* _learned
    cdef size_t _learned_bytes
    # Whether the head that was looked at last leaves the table of HPACK as it is.
    cdef bint _is_neutral
    # Which of its values may differ in heads that are the same else.
    cdef Differing _differing
    # Where the texts of the last head were found.
    cdef int _places[PLACES]
    # What goes through as it is: the rest of a frame.
    cdef size_t _passing
    # A frame's head that came in parts.
    cdef uint8_t _head[FRAME_HEAD_BYTES]
    cdef size_t _head_size
    # What has passed of a frame with a head, where it comes in parts; NULL where none is looked at.
    cdef uint8_t* _cut
    cdef size_t _cut_size
    # The greatest number that a head has had.
    cdef int32_t _last_id

    cdef ssize_t receive(
        self, Session session, const uint8_t* data, size_t size
    ) except? FAILURE
    cdef ssize_t _hand_on(
        self, Session session, KnownHead known, const uint8_t* frame, size_t size, size_t plain,
        bint learns
    ) except? FAILURE
    cdef bint _head_taken(self, Session session, KnownHead known, const uint8_t* frame) except -1
    cdef bint _body_taken(self, Session session, const uint8_t* frame, size_t size) except -1
    cdef inline bint is_recalling(self) noexcept:
        return self._recalled is not None

    cdef void head_read(self, Stream stream, int64_t now_ns) except *
    cdef void _pass_on(self, const uint8_t* head, size_t passed, size_t size) noexcept
    cdef void _note_cut(self, const uint8_t* octets, size_t size) noexcept
    cdef KnownHead _find(self, const uint8_t* frame, size_t size)
    cdef bint _is_worth_learning(self, const uint8_t* frame, size_t size) noexcept
    cdef size_t _stand_in(self, const uint8_t* frame, KnownHead known) noexcept
    cdef const uint8_t* _gather(self, const uint8_t* at, const uint8_t* end) noexcept
    cdef void _note_varying(
        self, const uint8_t* block, const uint8_t* name, const uint8_t* end
    ) noexcept
    cdef size_t _rewrite(self, const uint8_t* frame, size_t size) noexcept
