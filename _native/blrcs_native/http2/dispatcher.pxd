"""The C face of the dispatcher."""

from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.pipeline cimport Pipeline
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.calls.routes cimport Routes
from blrcs_native.http2.eager_task cimport TaskPool
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.listener cimport Listener
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.timer_wheel cimport TimerWheel
from blrcs_native.load.overload cimport Overload


cdef class Dispatcher(Listener):
    cdef Routes _router
    cdef readonly TimerWheel wheel
    cdef TaskPool _tasks
    cdef Limits _limits
    cdef object _unexpected
    cdef str _reply_encoding
    cdef Py_ssize_t _max_calls
    cdef Overload overload
    cdef readonly Py_ssize_t running

    cdef Pipeline _route(self, str path)
    cdef Rejection _head_rejection(self, Stream stream, int64_t now_ns)
    cdef bint _is_by_chance_too_large(self, Stream stream) noexcept
    cdef void _set_deadline(self, Stream stream) except *
    cdef bint _answer(self, Stream stream) except -1
    cdef void _accept(self, Stream stream) except *
    cdef void _finish_answered(self, Stream stream, object answer) except *
    cdef void _await_no_more(self, Stream stream) noexcept
    cdef bint _is_full(self) noexcept
    cdef void _serve(self, Stream stream, object request, object pending) except *
    cdef void _cut_short(self, Stream stream, Rejection rejection) except *
    cdef void _refuse(self, Stream stream, Rejection rejection) except *
    cdef void _end_refused(self, Stream stream, Rejection rejection) except *
    cdef void _finish_with(self, Stream stream, Rejection rejection) except *
    cdef void _finish_call(self, Stream stream, object reply) except *
    cdef void _release(self, Stream stream, bint well) except *
    cdef void begun(self, Stream stream) except *
    cdef void received(self, Stream stream) except *
    cdef void broken(self, Stream stream, Rejection rejection) except *
    cdef void expired(self, Stream stream) except *
    cdef void lost(self, Stream stream) except *
    cdef void ended(self, Stream stream, object result, object error) except *
    cdef void answered(self, Stream stream, object answer) except *
