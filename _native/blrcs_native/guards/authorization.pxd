"""The C face of the guards that ask whether the caller may."""

from blrcs_native.access.decision_log cimport DecisionLog
from blrcs_native.access.resource_template cimport ResourceTemplate
from blrcs_native.access.table cimport AccessTable, Decision
from blrcs_native.access.terms cimport KeptTerms
from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.admissions cimport Admissions
from blrcs_native.guards.guard cimport Guard
from blrcs_native.shared.generation cimport Generation


cdef class CurrentAccess:
    cdef AccessTable _table
    cdef Generation _generation
    cdef object _load_anew
    cdef dict _scopes
    cdef DecisionLog log  # None where decisions are not recorded

    cdef tuple _scopes_of(self, str permission)
    # The table, after what other processes have changed until now.
    cdef AccessTable now(self)
    # The table as it was found last.
    cdef inline AccessTable current(self):
        return self._table



cdef class AccessGuard(Guard):
    cdef CurrentAccess access
    cdef str permission
    cdef tuple scopes
    cdef ResourceTemplate template
    cdef bint or_owner
    cdef Rejection denied
    cdef Admissions admissions

    cdef Decision _decide(
        self, AccessTable table, Call call, str resource, bint message_to_come, KeptTerms* kept
    ) except *
    cdef Decision _decide_again(
        self,
        AccessTable table,
        Call call,
        str resource,
        bint message_to_come,
        const KeptTerms* kept,
    ) except *
    cdef bint _may_anywhere(
        self, AccessTable table, Principal principal, KeptTerms* kept
    ) except -1


cdef class HeadAuthorizationGuard(AccessGuard):
    pass


cdef class ObjectAuthorizationGuard(AccessGuard):
    # Whether the last that it admitted may for as long as the table is the same.
    cdef bint admitted_for_good
    cdef dict unnamed  # by field of the template: what is told where it names nothing

    cdef object _refused(self, AccessTable table, Call call, str resource)
