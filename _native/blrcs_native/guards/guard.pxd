"""The C face of guards."""

from blrcs_native.calls.call cimport Call


cdef class Guard:
    cdef readonly str stage
    cdef readonly bint shadow

    cpdef object check(self, Call call)


cdef object ask(tuple guards, Call call, Py_ssize_t first)
