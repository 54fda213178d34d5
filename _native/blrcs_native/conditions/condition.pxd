"""C faces of conditions, for the access table and the guards."""

from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call

# What is no value: an error, and what only the request that is to come can tell.
cdef object ERROR
cdef object UNKNOWN


cdef inline bint is_none(object value) noexcept:
    """An error or an unknown."""
    return value is ERROR or value is UNKNOWN


cdef inline object worse(object left, object right):
    """Of two of which one is no value: the unknown, since what is to come may undo the error."""
    return UNKNOWN if left is UNKNOWN or right is UNKNOWN else ERROR


cdef enum Judgement:
    IS_FALSE = 0
    IS_TRUE = 1
    IS_UNKNOWN = 2
    IS_ERROR = 3


cdef class Facts:
    cdef str principal
    cdef str resource
    cdef tuple groups
    cdef Call call  # None where somebody asks about a principal who does not call
    cdef int64_t now_ns
    cdef bint message_to_come


cdef Facts facts_of(str principal, str resource, Call call, bint message_to_come)


cdef class Node:
    cdef object value(self, Facts facts)


cdef class Condition:
    cdef readonly str text
    cdef readonly bint reads_message
    cdef readonly bint reads_groups
    cdef Node root

    # Raises nothing but what ends a program.
    cdef Judgement judge(self, Facts facts) except *
