"""What a job may leave on its task, by which the next one would find what is not its own.

That is an attribute, a name, a callback, or a weak reference, such as a key of a WeakKeyDictionary. It
is looked for after each job, so what asyncio's tasks in C have for it is called as the functions that
they are.
"""

import asyncio
from inspect import getattr_static
from types import GetSetDescriptorType, MethodDescriptorType

cimport cython
from cpython.object cimport PyObject

cdef extern from "Python.h":
    PyObject** _PyObject_GetDictPtr(PyObject*) noexcept
    ctypedef struct PyWeakReference:
        PyWeakReference* wr_next
    PyObject** PyObject_GET_WEAKREFS_LISTPTR(PyObject*) noexcept
    ctypedef object (*getter)(object, void*)
    ctypedef struct PyGetSetDef:
        getter get
        void* closure
    ctypedef struct PyGetSetDescrObject:
        PyGetSetDef* d_getset
    ctypedef object (*PyCFunction)(object, PyObject*)
    ctypedef struct PyMethodDef:
        PyCFunction ml_meth
        int ml_flags
    ctypedef struct PyMethodDescrObject:
        PyMethodDef* d_method
    int METH_NOARGS

cdef object CALLBACKS = getattr_static(asyncio.Task, "_callbacks")
cdef object GET_NAME = getattr_static(asyncio.Task, "get_name")
cdef bint IS_IN_C = (
    type(CALLBACKS) is GetSetDescriptorType
    and type(GET_NAME) is MethodDescriptorType
    and (<PyMethodDescrObject*>GET_NAME).d_method.ml_flags == METH_NOARGS
)


cdef object callbacks_of(object task):
    cdef PyGetSetDef* attribute
    if not IS_IN_C:
        return task._callbacks
    attribute = (<PyGetSetDescrObject*>CALLBACKS).d_getset
    return attribute.get(task, attribute.closure)


cdef object name_of(object task):
    if not IS_IN_C:
        return task.get_name()
    return (<PyMethodDescrObject*>GET_NAME).d_method.ml_meth(task, NULL)


cdef Py_ssize_t weak_references(object task) noexcept:
    cdef PyWeakReference* each = (
        <PyWeakReference*>PyObject_GET_WEAKREFS_LISTPTR(<PyObject*>task)[0]
    )
    cdef Py_ssize_t count = 0
    while each != NULL:
        count += 1
        each = each.wr_next
    return count


@cython.final
cdef class TaskMarks:
    cdef bint are_on(self, object task) except -1:
        """Whether there is anything that was not there when the task was made."""
        cdef PyObject** attributes = _PyObject_GetDictPtr(<PyObject*>task)
        return (
            (attributes != NULL and attributes[0] != NULL)
            or callbacks_of(task) is not None
            or weak_references(task) != self._weak_references
            or name_of(task) is not self._name
        )


cdef TaskMarks marks_of(object task):
    """Of a task that is made: always an `asyncio.Task` itself."""
    cdef TaskMarks marks = TaskMarks.__new__(TaskMarks)
    marks._name = name_of(task)
    marks._weak_references = weak_references(task)
    return marks
