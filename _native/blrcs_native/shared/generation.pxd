"""A number that grows with every change of something, for native callers."""

cimport cython
from libc.stdint cimport uint64_t

from blrcs_native.shared.process_lock cimport load

cdef extern from *:
    """
    #define blrcs_bump(word) __atomic_fetch_add((word), 1, __ATOMIC_SEQ_CST)
    """
    void bump "blrcs_bump"(uint64_t* word) noexcept nogil


@cython.final
cdef class Generation:
    cdef uint64_t* word
    cdef uint64_t seen
    cdef Py_buffer view
    cdef bint acquired

    cdef inline bint has_moved(self) noexcept nogil:
        """Whether something has changed since ``catch_up`` last ended well: one look at memory."""
        return load(self.word) != self.seen
