"""The guards that ask whether the caller may: before the body is parsed, and after."""

cimport cython

from blrcs_native.access.decision_log cimport DecisionLog
from blrcs_native.access.resource_template cimport ResourceTemplate
from blrcs_native.access.table cimport ALLOWED, DENIED, UNDECIDED, AccessTable, Decision
from blrcs_native.access.terms cimport NOT_KEPT, KeptTerms, keep_granted
from blrcs_native.calls.call cimport MALFORMED, Call, Principal
from blrcs_native.calls.checked_request cimport CheckedRequest
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.conditions.condition cimport facts_of
from blrcs_native.guards.admissions cimport Admissions
from blrcs_native.guards.guard cimport Guard
from blrcs_native.shared.generation cimport Generation

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text) noexcept
    void* PyUnicode_DATA(object text) noexcept

cdef enum:
    MAX_KNOWN = 256


@cython.final
cdef class CurrentAccess:
    def __init__(self, AccessTable table not None):
        self._table = table
        self._scopes = {}

    def replace(self, AccessTable table not None):
        self._table = table

    def follow(self, Generation generation not None, load_anew not None):
        self._generation = generation
        self._load_anew = load_anew

    def record(self, DecisionLog log):
        self.log = log

    @property
    def table(self):
        return self.now()

    def permits(self, Call call not None, str permission not None, str resource not None):
        cdef Principal principal = call.principal
        cdef AccessTable table = self.now()
        if principal is None:
            return False
        if principal.scope is not None and not in_scope(principal.scope, self._scopes_of(permission)):
            return False
        return table.check(
            principal.name, permission, resource, groups=principal.groups, call=call
        )

    cdef tuple _scopes_of(self, str permission):
        """Those of a permission that handlers ask for, of which there are few."""
        scopes = self._scopes.get(permission)
        if scopes is None:
            scopes = scopes_of(permission)
            if len(self._scopes) >= MAX_KNOWN:
                self._scopes.clear()
            self._scopes[permission] = scopes
        return <tuple>scopes

    cdef AccessTable now(self):
        """The table, after what other processes have changed until now."""
        if self._generation is not None and self._generation.has_moved():
            self._generation.catch_up(self._load_anew)
        return self._table


cdef tuple scopes_of(str permission):
    """The scopes that let a permission be used: itself, and the patterns that it matches."""
    cdef list segments = permission.split(".")
    return (
        permission,
        *(".".join(segments[:count]) + ".*" for count in range(len(segments) - 1, 0, -1)),
        "*",
    )


cdef inline bint in_scope(frozenset scope, tuple scopes) except -1:
    if scope is None:
        return True
    for each in scopes:
        if each in scope:
            return True
    return False


cdef bint owns(str principal, str resource) noexcept:
    """The resource is the principal itself, or lies below it."""
    if not principal or not resource.startswith(principal):
        return False
    return len(resource) == len(principal) or resource[len(principal)] == "/"


cdef class AccessGuard(Guard):
    def __init__(
        self,
        CurrentAccess access not None,
        str permission not None,
        ResourceTemplate template not None,
        Rejection denied not None,
        *,
        bint or_owner=False,
        bint shadow=False,
    ):
        Guard.__init__(self, "authorization", shadow=shadow)
        self.access = access
        self.permission = permission
        self.scopes = scopes_of(permission)
        self.template = template
        self.or_owner = or_owner
        self.denied = denied
        self.admissions = Admissions()

    cdef Decision _decide(
        self, AccessTable table, Call call, str resource, bint message_to_come, KeptTerms* kept
    ) except *:
        """What the table says; `kept` is told what that rests on."""
        cdef Principal principal = call.principal
        cdef bint owned
        cdef Decision decision
        kept.count = NOT_KEPT
        if resource is None or not in_scope(principal.scope, self.scopes):
            return DENIED
        owned = self.or_owner and owns(principal.name, resource)
        decision = table.decide(
            principal.name,
            principal.groups,
            self.permission,
            resource,
            owned,
            call,
            message_to_come,
            kept,
        )
        if self.access.log is not None and not owned and decision != UNDECIDED:
            self.access.log.note(
                principal.name, self.permission, resource, decision == ALLOWED
            )
        return decision

    cdef Decision _decide_again(
        self,
        AccessTable table,
        Call call,
        str resource,
        bint message_to_come,
        const KeptTerms* kept,
    ) except *:
        """What `_decide` would say, by what it has kept."""
        cdef Principal principal = call.principal
        return table.judge(
            kept, facts_of(principal.name, resource, call, message_to_come), principal.groups
        )

    cdef bint _may_anywhere(
        self, AccessTable table, Principal principal, KeptTerms* kept
    ) except -1:
        kept.count = NOT_KEPT
        if not in_scope(principal.scope, self.scopes):
            return False
        # What is recorded names a resource, which only the request tells.
        if self.or_owner or self.access.log is not None:
            keep_granted(kept)
            return True
        return table.allows_anywhere(principal.name, principal.groups, self.permission, kept)


@cython.final
cdef class HeadAuthorizationGuard(AccessGuard):
    cpdef object check(self, Call call):
        cdef AccessTable table
        cdef Decision decision
        cdef KeptTerms kept
        if call.principal is None:
            return self.denied
        table = self.access.now()
        call.wants_message = table.reads_message
        if self.access.log is None and self.admissions.holds(
            table, call.principal, NULL, 0, &kept
        ):
            if kept.count == 0:
                return None
            decision = self._decide_again(
                table, call, self.template.text, call.wants_message, &kept
            )
            return self.denied if decision == DENIED else None
        if not self.template.is_constant:
            decision = ALLOWED if self._may_anywhere(table, call.principal, &kept) else DENIED
        else:
            decision = self._decide(table, call, self.template.text, call.wants_message, &kept)
        if self.access.log is None:
            self.admissions.note(table, call.principal, NULL, 0, &kept)
        return self.denied if decision == DENIED else None


cdef inline bint is_malformed(object request):
    """Whether a condition has asked for a message, and there was none."""
    return type(request) is CheckedRequest and (<CheckedRequest>request).is_malformed


@cython.final
cdef class ObjectAuthorizationGuard(AccessGuard):
    def tell_unnamed(self, dict unnamed not None):
        self.unnamed = unnamed

    cdef object _refused(self, AccessTable table, Call call, str resource):
        """Who holds the permission nowhere is told nothing of what the request lacks."""
        cdef Principal principal = call.principal
        cdef KeptTerms kept
        if is_malformed(call.request):
            return MALFORMED
        if (
            self.unnamed is None or resource is not None
            or not in_scope(principal.scope, self.scopes)
            or not table.allows_anywhere(
                principal.name, principal.groups, self.permission, &kept
            )
        ):
            return self.denied
        return self.unnamed.get(self.template.field_without_name(call.request), self.denied)

    cpdef object check(self, Call call):
        cdef AccessTable table
        cdef const unsigned char* text = NULL
        cdef Py_ssize_t size = 0
        cdef Decision decision
        cdef KeptTerms kept
        self.admitted_for_good = False
        if call.principal is None:
            return self.denied
        if self.template.is_constant and not call.wants_message:
            self.admitted_for_good = True
            return None
        # Only who owns a resource need not know it valid: the table judges what it is asked for.
        resource = (
            self.template.render_c(call.request) if self.or_owner
            else self.template.fill(call.request)
        )
        table = self.access.now()
        if resource is not None and PyUnicode_IS_COMPACT_ASCII(resource):
            text = <const unsigned char*>PyUnicode_DATA(resource)
            size = len(<str>resource)
        if text != NULL and self.access.log is None and self.admissions.holds(
            table, call.principal, text, size, &kept
        ):
            if kept.count == 0:
                self.admitted_for_good = True
                return None
            decision = self._decide_again(table, call, <str>resource, False, &kept)
        else:
            decision = self._decide(table, call, <str>resource, False, &kept)
            if text != NULL:
                self.admissions.note(table, call.principal, text, size, &kept)
        if decision != ALLOWED:
            return self._refused(table, call, <str>resource)
        self.admitted_for_good = kept.count == 0
        return None
