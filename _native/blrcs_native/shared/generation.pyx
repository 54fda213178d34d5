"""A number in shared memory that grows with every change of what the processes hold copies of."""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint64_t, uintptr_t

from blrcs_native.shared.process_lock cimport load


# Cleared as part of a cycle, it would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class Generation:
    """See generation.pyi."""

    def __cinit__(self, buffer not None):
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE)
        self.acquired = True
        if self.view.len < <Py_ssize_t>sizeof(uint64_t):
            raise ValueError(f"the buffer is smaller than {sizeof(uint64_t)} bytes")
        if <uintptr_t>self.view.buf % sizeof(uint64_t):
            raise ValueError("the buffer is not aligned to 8 bytes")
        self.word = <uint64_t*>self.view.buf
        self.seen = load(self.word)

    def __dealloc__(self):
        if self.acquired:
            PyBuffer_Release(&self.view)

    def bump(self):
        bump(self.word)

    def moved(self):
        return self.has_moved()

    def catch_up(self, load_anew not None):
        # Read first: what changes while it loads is loaded the next time.
        cdef uint64_t now = load(self.word)
        load_anew()
        self.seen = now
