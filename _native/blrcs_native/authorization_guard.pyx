"""The guards that ask whether the caller may: before the body is parsed, and after."""

cimport cython

from blrcs_native.access cimport AccessTable
from blrcs_native.call cimport Call
from blrcs_native.generation cimport Generation
from blrcs_native.guard cimport Guard
from blrcs_native.rejection cimport Rejection
from blrcs_native.resource_template cimport ResourceTemplate


@cython.final
cdef class CurrentAccess:
    def __init__(self, AccessTable table not None):
        self._table = table

    def replace(self, AccessTable table not None):
        self._table = table

    def follow(self, Generation generation not None, load_anew not None):
        self._generation = generation
        self._load_anew = load_anew

    @property
    def table(self):
        return self.now()

    cdef AccessTable now(self):
        """The table, after what other processes have changed until now."""
        if self._generation is not None and self._generation.has_moved():
            self._generation.catch_up(self._load_anew)
        return self._table


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
        self.template = template
        self.or_owner = or_owner
        self.denied = denied

    cdef bint _allows(self, Call call, str resource) except -1:
        cdef str principal = call.principal.name
        if resource is None:
            return False
        if self.or_owner and owns(principal, resource):
            return True
        return self.access.now().allows(principal, self.permission, resource)


@cython.final
cdef class HeadAuthorizationGuard(AccessGuard):
    cpdef object check(self, Call call):
        cdef bint allowed
        if call.principal is None:
            return self.denied
        if self.template.is_constant:
            allowed = self._allows(call, self.template.text)
        else:
            allowed = self.or_owner or self.access.now().allows_anywhere(
                call.principal.name, self.permission
            )
        return None if allowed else self.denied


@cython.final
cdef class ObjectAuthorizationGuard(AccessGuard):
    cpdef object check(self, Call call):
        if call.principal is None:
            return self.denied
        # Only who owns a resource need not know it valid: the table judges what it is asked for.
        resource = (
            self.template.render_c(call.request) if self.or_owner
            else self.template.fill(call.request)
        )
        if self._allows(call, <str>resource):
            return None
        return self.denied
