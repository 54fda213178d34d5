"""The places of the processes that share a segment, for native callers."""

cdef class WorkerSlots:
    cdef int fd
    cdef readonly Py_ssize_t count
    cdef readonly Py_ssize_t own

    cdef bint seize(self, Py_ssize_t number) noexcept nogil
    cdef void let_go(self, Py_ssize_t number) noexcept nogil
