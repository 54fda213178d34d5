"""A fast hash of octets, good for places in tables whose seed nobody outside knows."""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef inline uint64_t mixed(uint64_t hashed, uint64_t word) noexcept nogil:
    hashed = (hashed ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return hashed ^ (hashed >> 32)


cdef inline uint64_t octets_hash(
    uint64_t hashed, const unsigned char* data, Py_ssize_t size
) noexcept nogil:
    """Of `data` behind what `hashed` stands for, which is the seed at first."""
    cdef uint64_t word
    hashed = mixed(hashed, <uint64_t>size)
    while size >= 8:
        memcpy(&word, data, 8)
        hashed = mixed(hashed, word)
        data += 8
        size -= 8
    if size > 0:
        word = 0
        memcpy(&word, data, size)
        hashed = mixed(hashed, word)
    return hashed
