"""The C face of request heads."""

from libc.stdint cimport int64_t, uint8_t

from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.stream cimport Stream

cdef enum HeadProblem:
    NO_PROBLEM
    HEAD_TOO_LARGE
    HEAD_TIMEOUT
    HEAD_BINARY


cdef int read_head_field(
    Stream stream, FieldCache fields, int64_t now_ns, const uint8_t* name, size_t name_size,
    const uint8_t* value, size_t value_size
) except -1
