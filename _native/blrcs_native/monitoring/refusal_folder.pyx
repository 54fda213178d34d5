"""Refusals that are alike become one, with a count: telling of a flood must not cost as much."""

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject

from blrcs_native.access.resource_template cimport ResourceTemplate
from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.clock cimport monotonic_ns

cdef enum:
    PERMISSION_DENIED = 7
    UNAUTHENTICATED = 16


cdef inline bint is_audited(str stage) noexcept:
    return stage == "authentication" or stage == "authorization"


cdef inline bint same(str one, str other) except -1:
    return one is other or one == other


@cython.final
cdef class FoldedRefusal:
    """See refusal_folder.pyi."""


@cython.final
cdef class RefusalFolder:
    def __init__(self, on_first not None, *, Py_ssize_t capacity):
        if capacity < 1:
            raise ValueError("there is room for one kind at least")
        self._kinds = {}
        self._on_first = on_first
        self.capacity = capacity

    def __len__(self):
        return len(self._kinds)

    def take(self):
        taken, self._kinds = self._kinds, {}
        self.times_taken += 1
        return list(taken.values())

    cdef FoldedRefusal fold(self, tuple kind, tuple rest):
        """The one that counts refusals of a kind; that of the rest where there is no room."""
        cdef FoldedRefusal folded
        cdef PyObject* found = PyDict_GetItemWithError(self._kinds, kind)
        if found == NULL and len(self._kinds) >= self.capacity:
            kind = rest
            found = PyDict_GetItemWithError(self._kinds, kind)
        if found != NULL:
            folded = <FoldedRefusal>found
        else:
            folded = FoldedRefusal.__new__(FoldedRefusal)
            folded.kind = kind
            folded.first_ns = monotonic_ns()
            self._kinds[kind] = folded
            if len(self._kinds) == 1:
                self._on_first()
        folded.count += 1
        return folded


@cython.final
cdef class RefusalHook:
    def __init__(
        self,
        RefusalFolder folder not None,
        tell not None,
        *,
        ResourceTemplate template=None,
        bint every=False,
    ):
        self._folder = folder
        self._template = template
        self._tell = tell
        self._every = every

    def __call__(self, Call call not None):
        cdef Rejection rejection = call.rejection
        cdef int code = call.status_code
        if call.shadowed is not None:
            self._take_shadowed(call, code)
        if (
            self._every
            or code == PERMISSION_DENIED
            or code == UNAUTHENTICATED
            or rejection is not None and is_audited(rejection.stage)
        ):
            self._take(call, rejection, code, False)

    def take_shadowed(self, Call call not None):
        if call.shadowed is not None:
            self._take_shadowed(call, call.status_code)

    cdef void _take_shadowed(self, Call call, int code) except *:
        for shadowed in call.shadowed:
            if is_audited((<Rejection>shadowed).stage):
                self._take(call, <Rejection>shadowed, code, True)

    cdef void _take(self, Call call, Rejection rejection, int code, bint shadow) except *:
        cdef FoldedRefusal folded
        cdef str principal = "", session = "", resource = ""
        cdef str stage = "handler" if rejection is None else rejection.stage
        cdef str reason = "" if rejection is None else rejection.reason
        cdef str method = call.method.name
        if call.principal is not None:
            principal = call.principal.name
            session = call.principal.session
        if self._template is not None:
            if self._template.is_constant:
                resource = self._template.text
            elif call.request is not None:
                # One that was not looked into whole may turn out to be no message: what is recorded
                # of it is less, and that it was refused all the same.
                try:
                    resource = self._template.render_c(call.request) or ""
                except Exception:
                    resource = ""
        if self._is_as_last(principal, session, call.peer_address, resource, code, stage, reason, shadow):
            folded = self._last
        else:
            folded = self._folder.fold(
                (
                    method, principal, session, call.peer_address, resource, code, stage, reason,
                    shadow,
                ),
                (method, None, None, None, None, code, stage, reason, shadow),
            )
            self._last = folded
            self._last_taken = self._folder.times_taken
            self._last_outcome = code << 1 | shadow
        folded.last_ns = monotonic_ns()
        if folded.count == 1 and folded.kind[1] is not None:
            folded.told = self._tell(call)

    cdef bint _is_as_last(
        self, str principal, str session, str address, str resource, int code, str stage,
        str reason, bint shadow,
    ) except -1:
        """Counts a refusal that is of the same kind as the last, as those of a flood mostly are."""
        cdef tuple kind
        if (
            self._last is None
            or self._last_taken != self._folder.times_taken
            or self._last_outcome != (code << 1 | shadow)
        ):
            return False
        kind = self._last.kind
        if not (
            same(<str>kind[1], principal)
            and same(<str>kind[2], session)
            and same(<str>kind[3], address)
            and same(<str>kind[4], resource)
            and same(<str>kind[6], stage)
            and same(<str>kind[7], reason)
        ):
            return False
        self._last.count += 1
        return True
