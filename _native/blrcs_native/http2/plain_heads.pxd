"""The C face of what reads heads ahead of nghttp2."""

from libc.stdint cimport uint8_t

from blrcs_native.http2.huffman_cache cimport FRAME_HEAD_BYTES, HuffmanCache
from blrcs_native.nghttp2 cimport nghttp2_session

cdef enum:
    PLACES = 4


cdef class PlainHeads:
    cdef HuffmanCache _texts
    # Where the texts of the last head were found.
    cdef int _places[PLACES]
    # What goes through as it is: the rest of a frame.
    cdef size_t _passing
    # A frame's head that came in parts.
    cdef uint8_t _head[FRAME_HEAD_BYTES]
    cdef size_t _head_size

    cdef ssize_t receive(
        self, nghttp2_session* session, const uint8_t* data, size_t size
    ) noexcept
    cdef const uint8_t* _gather(self, const uint8_t* at, const uint8_t* end) noexcept
    cdef size_t _rewrite(self, const uint8_t* frame, size_t size) noexcept
