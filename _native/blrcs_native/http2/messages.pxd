"""The C face of message compression."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t

cdef object ENCODINGS

cdef bytes compressed(str encoding, bytes body)

cdef class Inflation:
    cdef str _encoding
    cdef object _unpacker
    cdef bytes _packed
    cdef bytes _fed
    cdef Py_ssize_t _at
    # What one step has made as a whole, or bytes that nobody else has, of which so many are filled.
    cdef bytes _whole
    cdef PyObject* _room
    cdef Py_ssize_t _size_bytes
    cdef bint is_too_large

    cdef void begin_again(self) except *
    cdef bint run(self, Py_ssize_t max_bytes, int64_t end_ns) except -1
    cdef bint step(self, Py_ssize_t max_bytes) except -1
    cdef void _put(self, bytes part, Py_ssize_t max_bytes) except *
    cdef bytes plain(self)

cdef str accepted(str encoding, str accepted_encodings)
cdef str encoding_name(object compression)
