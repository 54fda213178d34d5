"""The parts of a JWS in compact form, for readers written in Cython."""

cdef struct CompactParts:
    Py_ssize_t header_size
    Py_ssize_t payload_start
    Py_ssize_t payload_size
    Py_ssize_t signature_start
    Py_ssize_t signature_size

cdef bint split_compact(
    const unsigned char* text, Py_ssize_t size, CompactParts* parts
) noexcept nogil
# Whether it is strict base64url.
cdef bint is_base64url(const unsigned char* text, Py_ssize_t size) noexcept nogil
# The octets that it stands for, or None where it is no strict base64url.
cdef bytes read_base64url(const unsigned char* text, Py_ssize_t size)
