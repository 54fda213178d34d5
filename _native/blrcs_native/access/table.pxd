"""C faces of the access table, for the authorization guard written in Cython."""

from libc.stdint cimport uint64_t

from blrcs_native.access.part cimport AccessPart
from blrcs_native.access.terms cimport KeptTerms, Term, Terms
from blrcs_native.calls.call cimport Call
from blrcs_native.conditions.condition cimport Facts


cdef enum Decision:
    DENIED = 0
    ALLOWED = 1
    UNDECIDED = 2  # the request that is to come decides


cdef class AccessTable:
    cdef readonly object epoch
    # Some condition asks for the request.
    cdef readonly bint reads_message
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
    cdef dict _group_names
    cdef uint64_t _seed

    cdef bint allows(self, str principal, str permission, str resource) except -1
    # Of who owns the resource: whatever no binding denies is granted. Conditions are judged by the
    # call, which is None where nobody calls. `kept` is told what the decision rests on.
    cdef Decision decide(
        self,
        str principal,
        tuple groups,
        str permission,
        str resource,
        bint owned,
        Call call,
        bint message_to_come,
        KeptTerms* kept,
    ) except *
    # Decides a question anew by what is kept of it.
    cdef Decision judge(self, const KeptTerms* kept, Facts facts, tuple groups) except *
    cdef bint allows_anywhere(
        self, str principal, tuple groups, str permission, KeptTerms* kept
    ) except -1

    cdef int _find(
        self, str principal, tuple groups, str permission, str resource, Terms* terms
    ) except -1
    cdef bint _find_anywhere(
        self, str principal, tuple groups, str permission, Terms* terms
    ) except -1
    cdef Decision _judge(
        self, const Term* terms, Py_ssize_t count, bint is_granted, Facts facts, tuple groups
    ) except *
    cdef AccessPart _part_of(self, str resource)
    cdef tuple _places_naming(self, str name)
    cdef tuple _places_of(self, str principal, tuple groups)
    cdef tuple _groups_of(self, str principal, tuple groups, AccessPart part)
