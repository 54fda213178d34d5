"""The C face of what was decided, for the guards."""


cdef class DecisionLog:
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t dropped
    cdef dict _counts

    cdef void note(self, str principal, str permission, str resource, bint allowed) except *
