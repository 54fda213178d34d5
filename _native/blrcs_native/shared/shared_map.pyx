"""Memory that processes share, in parts that native objects can be given as buffers.

A part is no object of the garbage collector. A memoryview in its place would be: in a cycle it can
be cleared while a buffer of it is still held.
"""

import os

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap


@cython.no_gc
@cython.final
cdef class SharedMap:
    """See shared_map.pyi."""

    cdef char* address
    cdef readonly Py_ssize_t size_bytes

    def __cinit__(self, int fd):
        cdef Py_ssize_t size_bytes = os.fstat(fd).st_size
        cdef void* address = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        if address == MAP_FAILED:
            raise OSError(f"{size_bytes} bytes cannot be mapped")
        self.address = <char*>address
        self.size_bytes = size_bytes

    def __dealloc__(self):
        if self.address is not NULL:
            munmap(self.address, self.size_bytes)

    def region(self, Py_ssize_t start, Py_ssize_t size_bytes):
        cdef SharedRegion region
        if not 0 <= start <= self.size_bytes or not 0 <= size_bytes <= self.size_bytes - start:
            raise ValueError("the region leads out of the memory")
        region = SharedRegion.__new__(SharedRegion)
        region.whole = self
        region.address = self.address + start
        region.size_bytes = size_bytes
        return region


@cython.no_gc
@cython.final
cdef class SharedRegion:
    """A part of a SharedMap, which it keeps; a buffer of bytes that can be written to."""

    cdef SharedMap whole
    cdef char* address
    cdef Py_ssize_t size_bytes

    def __len__(self):
        return self.size_bytes

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.address, self.size_bytes, 0, flags)
