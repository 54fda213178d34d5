"""The C face of what is remembered of whom a table lets in."""

from libc.stdint cimport uint64_t

from blrcs_native.access.table cimport AccessTable
from blrcs_native.access.terms cimport KeptTerms, Term
from blrcs_native.calls.call cimport Principal

cdef enum:
    MOST_TEXT_BYTES = 40


# What one question rests on; equal serials are of one table and of one caller.
cdef struct Admission:
    uint64_t table
    uint64_t caller
    Py_ssize_t size
    int terms
    bint is_granted
    unsigned char text[MOST_TEXT_BYTES]


cdef class Admissions:
    cdef Admission* _places
    # MOST_KEPT for each place, once there are any.
    cdef Term* _terms

    cdef bint holds(
        self,
        AccessTable table,
        Principal caller,
        const unsigned char* text,
        Py_ssize_t size,
        KeptTerms* kept,
    ) noexcept
    cdef int note(
        self,
        AccessTable table,
        Principal caller,
        const unsigned char* text,
        Py_ssize_t size,
        const KeptTerms* kept,
    ) except -1
