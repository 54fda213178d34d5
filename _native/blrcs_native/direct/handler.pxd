"""The C face of direct handlers."""

from libc.stdint cimport uint64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.encoding.protobuf_wire cimport Span
from blrcs_native.guards.admissions cimport Admissions
from blrcs_native.guards.authorization cimport ObjectAuthorizationGuard


cdef class DirectHandler:
    cdef readonly tuple guards
    cdef readonly frozenset fields
    cdef tuple names
    # Whether `answer` may give a LateAnswer.
    cdef bint waits
    # The only guard, where what it has admitted may be remembered by the octets of some fields.
    cdef ObjectAuthorizationGuard sole
    cdef int asked
    cdef Admissions admissions
    cdef uint64_t asked_table

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size)
    cdef bint leaves_nothing(self) noexcept
    cdef Rejection admit(self, Call call, object message)
    cdef Rejection admit_texts(self, Call call, tuple texts)
    cdef void _watch(self, ObjectAuthorizationGuard guard) except *
    cdef bint is_admitted(self, Call call, const Span* texts) except -1
    cdef void note_admitted(self, Call call, const Span* texts) except *
    cdef Py_ssize_t _join_asked(self, const Span* texts, unsigned char* joined) noexcept
