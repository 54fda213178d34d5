"""The C face of the stamps of cache entries; the GIL is needed where a text is looked at."""

cimport cython
from libc.stdint cimport uint64_t

from blrcs_native.shared.process_lock cimport load


@cython.final
cdef class CacheStamps:
    cdef uint64_t* words
    cdef uint64_t mask
    cdef uint64_t key_low
    cdef uint64_t key_high
    cdef Py_buffer view
    cdef bint acquired


@cython.final
cdef class NamespaceStamps:
    cdef CacheStamps owner  # whose memory the pointers lead to
    cdef uint64_t* whole
    cdef uint64_t key_low
    cdef uint64_t key_high

    cdef uint64_t* word_of(self, str key) except NULL

    cdef inline uint64_t stamp_at(self, const uint64_t* word) noexcept nogil:
        # Both only grow, so their sum stays the same only where neither has moved.
        return load(word) + load(self.whole)
