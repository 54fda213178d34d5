"""The C face of what gRPC writes into header fields."""

from libc.stdint cimport int64_t

cdef enum:
    MALFORMED_TIMEOUT = -1

cdef int64_t MAX_TIMEOUT_NS

cdef int64_t timeout_ns(const unsigned char* text, Py_ssize_t size) noexcept nogil
cdef bytes percent_encoded(str text)
cdef object binary_values(bytes text)
cdef bytes binary_text(bytes value)
