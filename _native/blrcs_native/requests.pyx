"""The messages that a client streams, as an async iterator.

A message costs little where it is there already: its awaitable, and the message itself once the handler
has dropped it, are used anew. Whoever still refers to one keeps it as it is.
"""

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject

from blrcs_native.awaitables cimport Ready, raising, ready
from blrcs_native.call cimport MALFORMED, Call
from blrcs_native.guard cimport ask
from blrcs_native.method cimport Method
from blrcs_native.rejection import AbortError

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject*) noexcept

cdef enum:
    # What a message has held stays with it: that is bounded by both.
    MOST_BYTES = 512
    MOST_USES = 16


@cython.final
cdef class Requests:
    def __cinit__(self, Call call not None):
        self._call = call

    def __aiter__(self):
        return self

    def __anext__(self):
        cdef Call call = self._call
        if call.messages is None:
            return call.next_message(True)
        try:
            body = call.messages.take_message()
        except AbortError as error:
            return raising(error)
        if body is None:
            return call.awaited_message(True)
        if type(body) is not bytes:
            return raising(StopAsyncIteration())
        if call.standing_guards:
            verdict = ask(call.standing_guards, call, 0)
            if verdict is not None:
                return call.stand_and_receive(<bytes>body, verdict)
        if call.method.metrics is not None:
            call.method.metrics.received()
        try:
            call.request = self._parsed(call.method, <bytes>body)
        except Exception:
            return call.judged(MALFORMED)
        if call.body_guards:
            verdict = ask(call.body_guards, call, 0)
            if verdict is not None:
                return call.judged(verdict)
        return self._ready_with(call.request)

    cdef object _ready_with(self, object message):
        if self._ready is None or Py_REFCNT(<PyObject*>self._ready) > 1:
            self._ready = ready(message)
        else:
            self._ready._value = message
        return self._ready

    cdef object _parsed(self, Method method, bytes body):
        """The handler has dropped the message before the last one, most often."""
        cdef object message
        cdef int uses = 0
        if method.parse is None:
            return body
        if method.refill is None or PyBytes_GET_SIZE(body) > MOST_BYTES:
            self._earlier = self._latest = None
            return method.parse(body)
        message, self._earlier, self._latest = self._earlier, self._latest, None
        if (
            message is not None
            and self._earlier_uses < MOST_USES
            and Py_REFCNT(<PyObject*>message) == 1
        ):
            method.refill(message, body)
            uses = self._earlier_uses + 1
        else:
            message = method.parse(body)
        self._latest = message
        self._earlier_uses, self._latest_uses = self._latest_uses, uses
        return message
