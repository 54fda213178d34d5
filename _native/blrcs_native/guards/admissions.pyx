"""What one guard has admitted lately, so that the same question is not answered anew.

A question is a caller and the text that the answer depends on, octet by octet. It is remembered only
where the answer was yes, cannot change with time or with the call, and came of a caller whom a token
names; it is good for the very table that gave it.
"""

cimport cython
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from blrcs_native.access.table cimport AccessTable
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

    cdef bint holds(
        self, AccessTable table, Principal caller, const unsigned char* text, Py_ssize_t size
    ) noexcept:
        cdef Admission* place
        if self._places == NULL or caller.serial == 0 or size > MOST_TEXT_BYTES:
            return False
        place = &self._places[place_of(caller.serial, text, size)]
        return (
            place.table == table.serial
            and place.caller == caller.serial
            and place.size == size
            and (size == 0 or memcmp(place.text, text, size) == 0)
        )

    cdef int note(
        self, AccessTable table, Principal caller, const unsigned char* text, Py_ssize_t size
    ) except -1:
        """Remembers that the table has admitted the caller, in the place of another."""
        cdef Admission* place
        if not table.is_steady or caller.serial == 0 or size > MOST_TEXT_BYTES:
            return 0
        if self._places == NULL:
            self._places = <Admission*>calloc(1 << PLACE_BITS, sizeof(Admission))
            if self._places == NULL:
                raise MemoryError
        place = &self._places[place_of(caller.serial, text, size)]
        place.table = table.serial
        place.caller = caller.serial
        place.size = size
        if size:
            memcpy(place.text, text, size)
        return 0
