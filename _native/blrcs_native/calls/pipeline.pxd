"""The C face of pipelines."""

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.method cimport Method
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.load.overload cimport MethodLoad


cdef class Pipeline:
    cdef readonly Method method
    cdef readonly tuple head_guards
    cdef readonly tuple body_guards
    cdef tuple standing_guards
    cdef object handler
    cdef readonly DirectHandler direct
    cdef MethodLoad load
    cdef object map_error
    cdef tuple on_start
    cdef tuple on_end
    cdef tuple on_failure

    cdef object begin(self, Call call)
    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size)
    cdef void answer_late(self, Call call, object answered) except *
    cdef object accept(self, Call call, bytes body)
    cdef void turn_away(self, Call call, Rejection rejection) except *
    cdef void refuse(self, Call call, Rejection rejection) except *
    cdef void give_up(self, Call call) except *
    cdef object enter(self, Call call, object request)
    cdef object concluded(self, Call call, object reply, object error, bint handling)
    cdef void _map(self, Call call, object error) except *
    cdef Rejection _failed(self, Call call, object error)
    cdef void _begin(self, Call call) except *
    cdef void _finish(self, Call call) except *


cdef Rejection DEADLINE_EXCEEDED
cdef Rejection FAILED
cdef Rejection NO_REQUEST
