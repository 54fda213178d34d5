"""The C face of what folds refusals."""

from libc.stdint cimport int64_t

from blrcs_native.access.resource_template cimport ResourceTemplate
from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection


cdef class FoldedRefusal:
    cdef readonly tuple kind
    cdef readonly object told
    cdef readonly Py_ssize_t count
    cdef readonly int64_t first_ns
    cdef readonly int64_t last_ns


cdef class RefusalFolder:
    cdef dict _kinds
    cdef readonly Py_ssize_t capacity
    # Who remembers one that was there knows by it whether it still counts.
    cdef Py_ssize_t times_taken
    cdef object _on_first

    cdef FoldedRefusal fold(self, tuple kind, tuple rest)


cdef class RefusalHook:
    cdef RefusalFolder _folder
    cdef ResourceTemplate _template
    cdef object _tell
    cdef bint _every
    # What the last refusal was folded into, when, and its code and whether it was in shadow.
    cdef FoldedRefusal _last
    cdef Py_ssize_t _last_taken
    cdef int _last_outcome

    cdef void _take_shadowed(self, Call call, int code) except *
    cdef void _take(self, Call call, Rejection rejection, int code, bint shadow) except *
    cdef bint _is_as_last(
        self, str principal, str session, str address, str resource, int code, str stage,
        str reason, bint shadow,
    ) except -1
