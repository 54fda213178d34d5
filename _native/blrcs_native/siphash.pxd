"""SipHash-2-4 with 128 bits of output, for native callers."""

from libc.stdint cimport uint64_t

cdef struct Hash128:
    uint64_t low
    uint64_t high

cdef Hash128 siphash128_of(
    const unsigned char* data, Py_ssize_t size, uint64_t key_low, uint64_t key_high
) noexcept nogil
