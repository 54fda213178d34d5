"""What one guard has found lately, so that the same question need not be looked up anew.

A question is a caller and the text that the answer depends on, octet by octet. What is remembered
is what its answer rests on: that it is yes whenever and however it is asked, or the few bindings
whose ends and conditions decide each time. It is good for the very table that gave it, and for a
caller of whom one token or one certificate says everything.
"""

cimport cython
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from blrcs_native.access.table cimport AccessTable
from blrcs_native.access.terms cimport MOST_KEPT, NOT_KEPT, KeptTerms, Term
from blrcs_native.calls.call cimport Principal

cdef enum:
    PLACE_BITS = 6


@cython.boundscheck(False)  # a raw pointer, and its size
cdef inline uint64_t place_of(
    uint64_t caller, const unsigned char* text, Py_ssize_t size
) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint64_t hash = caller
    for i in range(size):
        hash = (hash ^ text[i]) * <uint64_t>0x100000001B3
    return (hash * <uint64_t>0x9E3779B97F4A7C15) >> (64 - PLACE_BITS)


@cython.final
cdef class Admissions:
    def __dealloc__(self):
        free(self._places)
        free(self._terms)

    cdef bint holds(
        self,
        AccessTable table,
        Principal caller,
        const unsigned char* text,
        Py_ssize_t size,
        KeptTerms* kept,
    ) noexcept:
        """Whether the question is known; `kept` is then what its answer rests on."""
        cdef Py_ssize_t number
        cdef Admission* place
        if self._places == NULL or caller.serial == 0 or size > MOST_TEXT_BYTES:
            return False
        number = place_of(caller.serial, text, size)
        place = &self._places[number]
        if (
            place.table != table.serial
            or place.caller != caller.serial
            or place.size != size
            or (size != 0 and memcmp(place.text, text, size) != 0)
        ):
            return False
        kept.is_granted = place.is_granted
        kept.count = place.terms
        if kept.count:
            memcpy(kept.terms, self._terms + number * MOST_KEPT, kept.count * sizeof(Term))
        return True

    cdef int note(
        self,
        AccessTable table,
        Principal caller,
        const unsigned char* text,
        Py_ssize_t size,
        const KeptTerms* kept,
    ) except -1:
        """Remembers what the table has found of the caller, in the place of another."""
        cdef Py_ssize_t number
        cdef Admission* place
        if kept.count == NOT_KEPT or caller.serial == 0 or size > MOST_TEXT_BYTES:
            return 0
        if self._places == NULL:
            self._places = <Admission*>calloc(1 << PLACE_BITS, sizeof(Admission))
            if self._places == NULL:
                raise MemoryError
        if self._terms == NULL and kept.count:
            self._terms = <Term*>calloc(MOST_KEPT << PLACE_BITS, sizeof(Term))
            if self._terms == NULL:
                raise MemoryError
        number = place_of(caller.serial, text, size)
        place = &self._places[number]
        place.table = table.serial
        place.caller = caller.serial
        place.size = size
        place.is_granted = kept.is_granted
        place.terms = kept.count
        if size:
            memcpy(place.text, text, size)
        if kept.count:
            memcpy(self._terms + number * MOST_KEPT, kept.terms, kept.count * sizeof(Term))
        return 0
