"""The messages that a client streams, as an async iterator.

A message costs little where it is there already: its awaitable, and the message itself once the handler
has dropped it, are used anew. Whoever still refers to one keeps it as it is.
"""

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject

from blrcs_native.calls.awaitables cimport ready
from blrcs_native.calls.call cimport Call, Receiver
from blrcs_native.calls.method cimport Method

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject*) noexcept

cdef enum:
    # What a message has held stays with it: that is bounded by both.
    MOST_BYTES = 512
    MOST_USES = 16


@cython.final
cdef class Requests(Receiver):
    def __cinit__(self, Call call not None):
        self._call = call

    def __aiter__(self):
        return self

    def __anext__(self):
        return self._call.next_message(True, self)

    cdef object given(self, object request):
        if self._ready is None or Py_REFCNT(<PyObject*>self._ready) > 1:
            self._ready = ready(request)
        else:
            self._ready._value = request
        return self._ready

    cdef object parsed(self, Method method, bytes body):
        """The handler has dropped the message before the last one, most often."""
        cdef object message
        cdef int uses = 0
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
