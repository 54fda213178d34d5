"""The C face of the cache of Huffman-coded text."""

from libc.stdint cimport uint8_t, uint64_t

from blrcs_native.http2.frame_head cimport FRAME_HEAD_BYTES
from blrcs_native.nghttp2 cimport nghttp2_hd_inflater

cdef enum:
    TEXT_SLOTS = 1024
    WAYS = 2
    # What is shorter is decoded as fast as it is found.
    LEAST_CODED_BYTES = 12
    MOST_CODED_BYTES = 1024
    # The least that a frame may be at most: RFC 9113, section 4.2.
    MOST_HEAD_BYTES = 16384


# One text, in one block of memory: as it is coded, and behind it as it is read.
cdef struct CodedText:
    size_t coded_size
    size_t plain_size
    uint8_t octets[1]


cdef class HuffmanCache:
    cdef nghttp2_hd_inflater* _inflater
    cdef CodedText* _texts[TEXT_SLOTS]
    cdef uint64_t _seen[TEXT_SLOTS]
    # Where a frame is written that has texts of this cache, one at a time.
    cdef uint8_t room[FRAME_HEAD_BYTES + MOST_HEAD_BYTES]

    cdef const CodedText* find(self, const uint8_t* coded, size_t size, int* place) noexcept
    cdef const CodedText* _admit(
        self, size_t slot, uint64_t hashed, const uint8_t* coded, size_t size
    ) noexcept
    cdef CodedText* _decoded(self, const uint8_t* coded, size_t size) noexcept
