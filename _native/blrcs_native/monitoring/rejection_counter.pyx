"""Counts what guards and handlers refuse, and what guards in shadow would have."""

cimport cython

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.monitoring.metrics cimport Counter, CounterCell


@cython.final
cdef class RejectionCounter:
    def __init__(self, Counter family not None):
        self._family = family

    def __call__(self, Call call not None):
        if call.rejection is not None:
            self._count(call.rejection, "false")
        if call.shadowed is not None:
            for rejection in call.shadowed:
                self._count(<Rejection?>rejection, "true")

    cdef void _count(self, Rejection rejection, str shadow) except *:
        (<CounterCell>self._family._resolve((rejection.stage, rejection.reason, shadow))).inc_c(1)
