"""C faces of resource names and templates, for the access table and the authorization guard."""

from libc.stdint cimport uint64_t


cdef enum:
    RESOURCE_DEPTHS = 17  # the root and 16 segments


cdef enum ResourceFault:
    RESOURCE_VALID = 0
    RESOURCE_TOO_LONG = 1
    RESOURCE_TOO_DEEP = 2
    RESOURCE_EMPTY_SEGMENT = 3
    RESOURCE_DOT_SEGMENT = 4
    RESOURCE_CONTROL_CHARACTER = 5
    RESOURCE_NOT_UNICODE = 6


cdef struct ResourcePrefix:
    uint64_t hash
    Py_ssize_t size_bytes


cdef ResourceFault split_resource(
    const unsigned char* text,
    Py_ssize_t size_bytes,
    uint64_t seed,
    ResourcePrefix* prefixes,
    int* depth,
) noexcept nogil

cdef ResourceFault resource_fault(str name) noexcept


cdef class ResourceTemplate:
    cdef readonly str text
    cdef readonly tuple fields
    cdef readonly bint is_constant
    cdef tuple _literals
    cdef tuple _fields

    cdef str render_c(self, object message)
    cdef str fill(self, object message)
