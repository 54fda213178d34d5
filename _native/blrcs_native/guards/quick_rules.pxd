"""The C face of rules that are quickly seen to hold."""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    MOST_STEPS = 40


# Characters of ASCII, a bit each, and how many of them follow one another.
cdef struct Step:
    uint64_t[2] characters
    Py_ssize_t least
    Py_ssize_t most


cdef class QuickField:
    cdef str name
    cdef bint has_presence
    cdef bint or_zero

    cdef bint holds(self, object message) except -1
    cdef bint fits(self, object value) except -1


cdef class QuickText(QuickField):
    cdef Py_ssize_t least
    cdef Py_ssize_t most
    cdef Py_ssize_t most_bytes
    cdef bint has_steps
    cdef int step_count
    cdef Step[MOST_STEPS] steps

    cdef void _take(self, object steps) except *
    cdef bint _matches(self, str text) noexcept


cdef class QuickNumber(QuickField):
    cdef int64_t least
    cdef int64_t most


cdef class QuickRules


cdef class QuickTexts(QuickField):
    cdef QuickText item
    cdef Py_ssize_t least
    cdef Py_ssize_t most


cdef class QuickMessage(QuickField):
    cdef QuickRules rules
    cdef bint required


cdef class QuickMessages(QuickField):
    cdef QuickRules rules
    cdef Py_ssize_t least
    cdef Py_ssize_t most


cdef class QuickOneof(QuickField):
    pass


cdef class QuickRules:
    cdef readonly tuple fields

    cdef bint hold_c(self, object message) except -1
