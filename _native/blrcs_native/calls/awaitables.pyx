"""Awaitables that need not wait: what a coroutine would give, without making one."""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
    ctypedef struct PyAsyncMethods:
        PySendResult (*am_send)(PyObject*, PyObject*, PyObject**) noexcept
    ctypedef struct PyTypeObject:
        PyAsyncMethods* tp_as_async
    void PyErr_SetObject(object, object)


@cython.final
@cython.freelist(64)
cdef class Ready:
    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self._error is not None:
            raise self._error
        if self._value is None:
            raise StopIteration
        raise StopIteration(self._value)

    def send(self, value):
        return self.__next__()

    def throw(self, kind, value=None, traceback=None):
        raise kind if isinstance(kind, BaseException) else (value or kind())

    def close(self):
        pass


cdef object ready(object value):
    cdef Ready made = Ready.__new__(Ready)
    made._value = value
    return made


cdef object raising(object error):
    cdef Ready made = Ready.__new__(Ready)
    made._error = error
    return made


cdef Ready DONE = ready(None)


cdef PySendResult send_ready(PyObject* self, PyObject* sent, PyObject** result) noexcept:
    cdef Ready awaited = <Ready>self
    if awaited._error is not None:
        PyErr_SetObject(type(awaited._error), awaited._error)
        result[0] = NULL
        return PYGEN_ERROR
    Py_INCREF(awaited._value)
    result[0] = <PyObject*>awaited._value
    return PYGEN_RETURN


# Cython fills this slot for its own coroutines alone. It spares the making of a StopIteration.
(<PyTypeObject*>Ready).tp_as_async.am_send = send_ready
