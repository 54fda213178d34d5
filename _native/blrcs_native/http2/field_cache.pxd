"""The C face of the cache of header fields."""

from cpython.object cimport PyObject

cdef enum:
    FIELD_SLOTS = 1024
    MAX_CACHED_FIELD_BYTES = 1024


cdef class FieldCache:
    cdef PyObject* _keys[FIELD_SLOTS]
    cdef PyObject* _fields[FIELD_SLOTS]

    cdef object field(
        self, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size
    )
    cdef void clear(self) noexcept
    cdef object _remember(
        self, Py_ssize_t slot, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size
    )
