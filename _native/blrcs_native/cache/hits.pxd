"""The C face of the counts of reads that copies answered."""

cimport cython
from libc.stdint cimport uint64_t

from blrcs_native.shared.process_lock cimport store


@cython.final
cdef class CacheHits:
    cdef uint64_t* words
    cdef readonly Py_ssize_t count
    cdef Py_buffer view
    cdef bint acquired

    cdef inline void add(self, Py_ssize_t column) noexcept nogil:
        # One process alone writes here; others read a whole number at any time.
        store(&self.words[column], self.words[column] + 1)
