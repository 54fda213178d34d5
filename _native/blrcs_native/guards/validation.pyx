"""The guard that asks whether a request is well formed."""

cimport cython

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.checked_request cimport CheckedRequest
from blrcs_native.guards.guard cimport Guard
from blrcs_native.guards.quick_rules cimport QuickRules


@cython.final
cdef class ValidationGuard(Guard):
    cdef object judge
    cdef QuickRules quick

    def __init__(self, judge not None, QuickRules quick=None, *, bint shadow=False):
        Guard.__init__(self, "validation", shadow=shadow)
        self.judge = judge
        self.quick = quick

    cpdef object check(self, Call call):
        if type(call.request) is CheckedRequest:
            return None
        if self.quick is not None and self.quick.hold_c(call.request):
            return None
        return self.judge(call.request)
