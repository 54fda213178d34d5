"""The places of the processes that share a segment, for native callers."""

from libc.stdint cimport uint64_t

cdef struct WaitMark:
    uint64_t awaited
    uint64_t tries


cdef class WorkerSlots:
    cdef int fd
    cdef WaitMark* marks
    cdef uint64_t waits
    cdef readonly Py_ssize_t count
    cdef readonly Py_ssize_t own

    # Says whom this process waits for, at each try to have what that one has; or that it waits for
    # nobody any more. From ``take`` on.
    cdef void map_marks(self) except *
    cdef WaitMark* mark_of(self, Py_ssize_t number) except NULL
    cdef void wait_for(self, Py_ssize_t number) noexcept nogil
    cdef void go_on(self) noexcept nogil
    # The turn to see to a place that no living process has; none takes it until ``let_go``. That
    # it is not to be had now says nothing of its process, unless it is awaited.
    cdef bint seize(self, Py_ssize_t number) noexcept nogil
    cdef bint await_turn(self, Py_ssize_t number) except -1
    cdef bint keep_turn_of_dead(self, Py_ssize_t number) noexcept nogil
    cdef void let_go(self, Py_ssize_t number) noexcept nogil
    cdef Py_ssize_t turn(self, Py_ssize_t number) noexcept nogil
