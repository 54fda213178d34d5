"""SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012, and the authors' reference).

A keyed hash: who does not know the key cannot choose inputs that collide. Words are read in the
machine's byte order, so the values equal the published ones on little-endian machines only.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef struct Lanes:
    uint64_t a
    uint64_t b
    uint64_t c
    uint64_t d


cdef inline uint64_t rotate(uint64_t word, int bits) noexcept nogil:
    return (word << bits) | (word >> (64 - bits))


cdef inline void mix(Lanes* lanes, int rounds) noexcept nogil:
    cdef int _
    for _ in range(rounds):
        lanes.a += lanes.b
        lanes.c += lanes.d
        lanes.b = rotate(lanes.b, 13) ^ lanes.a
        lanes.d = rotate(lanes.d, 16) ^ lanes.c
        lanes.a = rotate(lanes.a, 32)
        lanes.c += lanes.b
        lanes.a += lanes.d
        lanes.b = rotate(lanes.b, 17) ^ lanes.c
        lanes.d = rotate(lanes.d, 21) ^ lanes.a
        lanes.c = rotate(lanes.c, 32)


cdef inline void absorb(Lanes* lanes, uint64_t word) noexcept nogil:
    lanes.d ^= word
    mix(lanes, 2)
    lanes.a ^= word


cdef Hash128 siphash128_of(
    const unsigned char* data, Py_ssize_t size, uint64_t key_low, uint64_t key_high
) noexcept nogil:
    """The hash of ``size`` bytes at ``data``; ``data`` is not read where ``size`` is 0."""
    cdef Lanes lanes
    cdef Hash128 result
    cdef uint64_t word
    cdef Py_ssize_t offset = 0
    lanes.a = key_low ^ 0x736F6D6570736575ULL
    lanes.b = key_high ^ 0x646F72616E646F6DULL ^ 0xEE
    lanes.c = key_low ^ 0x6C7967656E657261ULL
    lanes.d = key_high ^ 0x7465646279746573ULL
    while offset + 8 <= size:
        memcpy(&word, data + offset, 8)
        absorb(&lanes, word)
        offset += 8
    word = <uint64_t>(size & 0xFF) << 56
    while size > offset:
        size -= 1
        word |= <uint64_t>data[size] << (8 * (size - offset))
    absorb(&lanes, word)
    lanes.c ^= 0xEE
    mix(&lanes, 4)
    result.low = lanes.a ^ lanes.b ^ lanes.c ^ lanes.d
    lanes.b ^= 0xDD
    mix(&lanes, 4)
    result.high = lanes.a ^ lanes.b ^ lanes.c ^ lanes.d
    return result


def siphash128(bytes data not None, bytes key not None):
    """The 16-byte hash of ``data`` under a 16-byte key; ValueError for a key of another size."""
    cdef uint64_t[2] words
    cdef Hash128 result
    if len(key) != 16:
        raise ValueError("a SipHash key has 16 bytes")
    memcpy(words, <const unsigned char*>key, 16)
    result = siphash128_of(data, len(data), words[0], words[1])
    return (<unsigned char*>&result)[:16]
