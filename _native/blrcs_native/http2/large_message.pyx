"""A message that is larger than what its client may send unasked, on its way in.

Its bytes go straight to where its handler finds them, so that they are neither moved nor held twice.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy


@cython.final
cdef class LargeMessage:
    def __cinit__(self, Py_ssize_t size, bint is_packed):
        # Room that nothing is written to takes no memory.
        self.body = PyBytes_FromStringAndSize(NULL, size)
        self.missing = size
        self.is_packed = is_packed

    cdef Py_ssize_t fill(self, const unsigned char* data, Py_ssize_t size) noexcept:
        """Takes those bytes that belong to it, and says how many."""
        cdef Py_ssize_t used = min(size, self.missing)
        cdef Py_ssize_t filled = PyBytes_GET_SIZE(self.body) - self.missing
        memcpy(PyBytes_AS_STRING(self.body) + filled, data, used)
        self.missing -= used
        return used
