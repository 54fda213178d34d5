"""C faces of the access table, for the authorization guard written in Cython."""

from libc.stdint cimport uint64_t

from blrcs_native.access.part cimport AccessPart
from blrcs_native.conditions.condition cimport Facts


cdef enum Decision:
    DENIED = 0
    ALLOWED = 1
    UNDECIDED = 2  # the request that is to come decides


cdef class AccessTable:
    cdef readonly object epoch
    # Some condition asks for the request.
    cdef readonly bint reads_message
    # So are all of its parts.
    cdef bint is_steady
    # No other table of this process has the same; from 1 on.
    cdef uint64_t serial
    cdef object _clock
    cdef AccessPart _root
    cdef dict _tenants
    # Which tenants know a member, by its hash.
    cdef list _naming
    # Those that know everybody who is named, and those that know who is not.
    cdef tuple _of_everybody
    cdef tuple _of_nobody
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
    cdef AccessPart _part_of(self, str resource)
    cdef tuple _places_naming(self, str name)
    cdef tuple _places_of(self, str principal, tuple groups)
    cdef tuple _groups_of(self, str principal, tuple groups, AccessPart part)
