"""The C face of the cache of header fields."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from blrcs_native.http2.huffman_cache cimport HuffmanCache

cdef enum:
    FIELD_SLOTS = 1024
    WAYS = 2
    PLACES = 16
    MAX_CACHED_FIELD_BYTES = 1024


cdef class FieldCache:
    # The same fields, before HPACK's texts are decoded.
    cdef HuffmanCache texts
    cdef PyObject* _keys[FIELD_SLOTS]
    cdef PyObject* _fields[FIELD_SLOTS]
    # Hashes of fields that came once.
    cdef uint64_t _noted[FIELD_SLOTS]
    # Where the field was found that last stood in a place of a head.
    cdef Py_ssize_t _last_slots[PLACES]

    cdef object field(
        self, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size, int place
    )
    cdef void clear(self) noexcept
    cdef object _remember(
        self, Py_ssize_t slot, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size
    )


cdef object new_field(str name, value)
