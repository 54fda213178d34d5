"""The C face of what can be wrong with a message."""

from blrcs_native.calls.rejection cimport Rejection

cdef Rejection FLAG_UNKNOWN
cdef Rejection NOT_ENCODED
cdef Rejection MALFORMED_ENCODING
cdef Rejection CUT_OFF

cdef Rejection too_large(object size, Py_ssize_t max_bytes)
