"""Memory of streams: that of one that is gone is kept for the next call's.

It is what `cython.freelist` does, which does not know classes that have a base.
"""

from cpython.object cimport PyObject
from libc.string cimport memset

cdef extern from *:
    """
    /* What is kept would hide from the sanitizer that it is used after it was freed. */
    #if defined(__SANITIZE_ADDRESS__)
    #define MOST_KEPT_STREAMS 0
    #else
    #define MOST_KEPT_STREAMS 256
    #endif
    static PyObject* kept_streams[256];
    """
    size_t MOST_KEPT_STREAMS
    PyObject* kept_streams[256]

cdef extern from "Python.h":
    ctypedef PyObject* (*allocfunc)(PyTypeObject*, Py_ssize_t) noexcept
    ctypedef void (*freefunc)(void*) noexcept
    ctypedef struct PyTypeObject:
        allocfunc tp_alloc
        freefunc tp_free
        Py_ssize_t tp_basicsize
    PyObject* PyType_GenericAlloc(PyTypeObject*, Py_ssize_t) noexcept
    PyObject* PyObject_Init(PyObject*, PyTypeObject*) noexcept
    void PyObject_GC_Track(PyObject*) noexcept
    void PyObject_GC_Del(void*) noexcept

cdef size_t kept_count = 0


cdef PyObject* take(PyTypeObject* kind, Py_ssize_t items) noexcept:
    cdef PyObject* memory
    global kept_count
    if kept_count == 0:
        return PyType_GenericAlloc(kind, items)
    kept_count -= 1
    memory = kept_streams[kept_count]
    memset(memory, 0, kind.tp_basicsize)
    PyObject_Init(memory, kind)
    PyObject_GC_Track(memory)
    return memory


cdef void give_back(void* memory) noexcept:
    global kept_count
    if kept_count < MOST_KEPT_STREAMS:
        kept_streams[kept_count] = <PyObject*>memory
        kept_count += 1
    else:
        PyObject_GC_Del(memory)


cdef void keep_memory_of(type kind) except *:
    """Of one class, which is final and collected; its objects are made and freed as ever."""
    (<PyTypeObject*>kind).tp_alloc = take
    (<PyTypeObject*>kind).tp_free = give_back
