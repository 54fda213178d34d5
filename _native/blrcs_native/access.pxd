"""C faces of the access table, for the authorization guard written in Cython."""

from libc.stdint cimport uint64_t

from blrcs_native.access_index cimport BindingIndex
from blrcs_native.condition cimport Facts


cdef enum Decision:
    DENIED = 0
    ALLOWED = 1
    UNDECIDED = 2  # the request that is to come decides


cdef class AccessTable:
    cdef readonly object epoch
    # Some condition asks for the request.
    cdef readonly bint reads_message
    # What it decides changes neither with time nor with the call: nothing expires or has a condition.
    cdef bint is_steady
    # No other table of this process has the same; from 1 on.
    cdef uint64_t serial
    cdef object _clock
    cdef dict _principals
    cdef dict _groups
    cdef bytes _authenticated
    cdef bytes _anonymous
    cdef dict _rows
    cdef dict _memo
    cdef dict _wildcards
    cdef Py_ssize_t _row_size_bytes
    cdef dict _role_ids
    cdef dict _containing
    cdef dict _bindings_of
    cdef BindingIndex _grants
    cdef BindingIndex _denials  # None where nothing denies
    cdef bint _has_conditions
    cdef bint _reads_groups
    cdef dict _group_names
    cdef uint64_t _seed

    # What conditions are asked about; None where there are none. The caller tells of its call.
    cdef Facts facts(self, str principal, tuple groups)
    cdef bint allows(self, str principal, str permission, str resource) except -1
    cdef Decision decide(
        self, str principal, tuple groups, str permission, str resource, Facts facts
    ) except *
    # Likewise, but whatever no binding denies is granted.
    cdef Decision decide_owned(
        self, str principal, tuple groups, str permission, str resource, Facts facts
    ) except *
    cdef bint allows_anywhere(self, str principal, tuple groups, str permission) except -1

    cdef Decision _decide(
        self, str principal, tuple groups, str permission, str resource, Facts facts, bint owned
    ) except *
    cdef bytes _row(self, str permission)
    cdef bytes _subjects_of(self, str principal, tuple groups)
    cdef bytes _subjects_of_one(self, str principal)
    cdef tuple _names_of_groups(self, str principal, tuple groups)
