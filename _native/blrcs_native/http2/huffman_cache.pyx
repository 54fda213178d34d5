"""Huffman-coded text of heads, remembered: decoding it anew takes longer than finding it.

nghttp2 decodes half an octet at a time, and each step waits for the last. A token of some hundred
octets then costs as much as all else that is read of a small call; and clients on nghttp2, Node's
and Envoy's among them, send it with each call, since their HPACK never indexes `authorization`.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from blrcs_native.encoding.octets_hash cimport octets_hash
from blrcs_native.http2.nghttp2 cimport (
    NGHTTP2_HD_INFLATE_EMIT, nghttp2_hd_inflate_del, nghttp2_hd_inflate_end_headers,
    nghttp2_hd_inflate_hd2, nghttp2_hd_inflate_new, nghttp2_nv,
)

# Which texts meet in one slot cannot be guessed from outside.
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")


cdef inline bint is_of(const CodedText* text, const uint8_t* coded, size_t size) noexcept nogil:
    return text != NULL and text.coded_size == size and memcmp(text.octets, coded, size) == 0


@cython.final
cdef class HuffmanCache:
    def __cinit__(self):
        if nghttp2_hd_inflate_new(&self._inflater) != 0:
            raise MemoryError

    def __dealloc__(self):
        cdef size_t slot
        for slot in range(TEXT_SLOTS):
            free(self._texts[slot])
        nghttp2_hd_inflate_del(self._inflater)

    def decode(self, bytes coded not None):
        cdef int place = 0
        cdef const CodedText* text
        if not LEAST_CODED_BYTES <= PyBytes_GET_SIZE(coded) <= MOST_CODED_BYTES:
            return None
        text = self.find(
            <const uint8_t*>PyBytes_AS_STRING(coded), PyBytes_GET_SIZE(coded), &place
        )
        return None if text == NULL else text.octets[text.coded_size : text.coded_size + text.plain_size]

    cdef const CodedText* find(self, const uint8_t* coded, size_t size, int* place) noexcept:
        """The text, or NULL where it is not remembered.

        `place` is where it may be, and is told where it was found. The text is good until the next
        call. The size is within the bounds.
        """
        cdef uint64_t hashed
        cdef size_t slot
        cdef int way
        if is_of(self._texts[place[0]], coded, size):
            return self._texts[place[0]]
        hashed = octets_hash(SEED, coded, size)
        slot = hashed % TEXT_SLOTS
        for way in range(WAYS):
            if is_of(self._texts[slot ^ way], coded, size):
                place[0] = <int>(slot ^ way)
                return self._texts[slot ^ way]
        return self._admit(slot, hashed, coded, size)

    cdef const CodedText* _admit(
        self, size_t slot, uint64_t hashed, const uint8_t* coded, size_t size
    ) noexcept:
        """What comes once is only noted, so that a flood of new texts costs a hash each."""
        cdef CodedText* text
        if self._seen[slot] != hashed:
            self._seen[slot] = hashed
            return NULL
        text = NULL if self._inflater == NULL else self._decoded(coded, size)
        if text != NULL:
            free(self._texts[slot ^ 1])
            self._texts[slot ^ 1] = self._texts[slot]
            self._texts[slot] = text
        return text

    cdef CodedText* _decoded(self, const uint8_t* coded, size_t size) noexcept:
        """NULL where it is no Huffman code, or there is no memory."""
        cdef uint8_t[MOST_CODED_BYTES + 8] block
        cdef size_t at = 4
        cdef size_t rest
        cdef nghttp2_nv field
        cdef int flags = 0
        cdef CodedText* text = NULL
        # A literal that is not indexed, named x: RFC 7541, section 6.2.2.
        block[0] = 0
        block[1] = 1
        block[2] = c"x"
        if size < 0x7F:
            block[3] = <uint8_t>(0x80 | size)
        else:
            block[3] = 0xFF
            rest = size - 0x7F
            while rest >= 0x80:
                block[at] = <uint8_t>(rest & 0x7F | 0x80)
                rest >>= 7
                at += 1
            block[at] = <uint8_t>rest
            at += 1
        memcpy(&block[0] + at, coded, size)
        if nghttp2_hd_inflate_hd2(self._inflater, &field, &flags, block, at + size, 1) < 0:
            # It takes nothing more after an error.
            nghttp2_hd_inflate_del(self._inflater)
            self._inflater = NULL
            nghttp2_hd_inflate_new(&self._inflater)
            return NULL
        if flags & NGHTTP2_HD_INFLATE_EMIT:
            text = <CodedText*>malloc(sizeof(CodedText) + size + field.valuelen)
            if text != NULL:
                text.coded_size = size
                text.plain_size = field.valuelen
                memcpy(text.octets, coded, size)
                memcpy(text.octets + size, field.value, field.valuelen)
        nghttp2_hd_inflate_end_headers(self._inflater)
        return text
