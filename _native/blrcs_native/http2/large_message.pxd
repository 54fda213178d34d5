"""The C face of messages that are filled as they come."""


cdef class LargeMessage:
    cdef bytes body
    cdef Py_ssize_t missing
    cdef bint is_packed

    cdef Py_ssize_t fill(self, const unsigned char* data, Py_ssize_t size) noexcept
