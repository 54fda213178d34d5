"""The C face of which task is the current one of a loop."""


cdef class CurrentTask:
    cdef object _loop
    # Turns that have begun and not ended.
    cdef int _turns
    # The loop's entry is there, and says that no task is the current one.
    cdef bint _vacant

    cdef object enter(self, object task)
    cdef void leave(self, object outer) except *
    cdef void make_way(self) except *
    cdef void turn_begun(self) noexcept
    cdef void turn_ended(self) except *
