"""The C face of hooks for the ends of calls."""

from libc.stdint cimport uint32_t

from blrcs_native.calls.call cimport Call


cdef class EndHook:
    cdef object hook
    cdef uint32_t wanted  # bit n: the code n
    cdef readonly bint rejections

    cdef bint wants(self, Call call) except -1
