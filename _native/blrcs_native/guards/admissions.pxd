"""The C face of what is remembered of who was admitted."""

from libc.stdint cimport uint64_t

from blrcs_native.access.table cimport AccessTable
from blrcs_native.calls.call cimport Principal

cdef enum:
    MOST_TEXT_BYTES = 40


# One caller that a table has admitted; equal serials are of one table and of one token's claims.
cdef struct Admission:
    uint64_t table
    uint64_t caller
    Py_ssize_t size
    unsigned char text[MOST_TEXT_BYTES]


cdef class Admissions:
    cdef Admission* _places

    cdef bint holds(
        self, AccessTable table, Principal caller, const unsigned char* text, Py_ssize_t size
    ) noexcept
    cdef int note(
        self, AccessTable table, Principal caller, const unsigned char* text, Py_ssize_t size
    ) except -1
