"""The C face of direct handlers."""

from blrcs_native.call cimport Call
from blrcs_native.rejection cimport Rejection


cdef class DirectHandler:
    cdef readonly tuple guards
    cdef readonly frozenset fields
    cdef tuple names

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size)
    cdef Rejection admit(self, Call call, object message)
    cdef Rejection admit_texts(self, Call call, tuple texts)
