"""How often copies of cache entries answered, counted where another process can read it."""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint64_t, uintptr_t

from blrcs_native.shared.process_lock cimport load


# Cleared as part of a cycle, it would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class CacheHits:
    """See cache/hits.pyi."""

    def __cinit__(self, buffer not None):
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE)
        self.acquired = True
        if <uintptr_t>self.view.buf % sizeof(uint64_t):
            raise ValueError("the buffer is not aligned to 8 bytes")
        self.words = <uint64_t*>self.view.buf
        self.count = self.view.len // <Py_ssize_t>sizeof(uint64_t)

    def __dealloc__(self):
        if self.acquired:
            PyBuffer_Release(&self.view)

    def __getitem__(self, Py_ssize_t column):
        if not 0 <= column < self.count:
            raise IndexError("there is no such number")
        return load(&self.words[column])
