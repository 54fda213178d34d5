"""The C face of sets of addresses."""

from libc.stdint cimport uint64_t

from blrcs_native.addresses.ip_address cimport AddressC

cdef enum:
    KNOWN_TEXTS = 256


cdef struct RangeC:
    uint64_t first_high
    uint64_t first_low
    uint64_t last_high
    uint64_t last_low


cdef class AddressSet:
    cdef readonly tuple texts
    cdef readonly bint has_unix
    cdef bint is_empty
    cdef RangeC* _ranges
    cdef Py_ssize_t _count
    cdef list _known
    cdef bint _verdicts[KNOWN_TEXTS]

    cdef bint has(self, const AddressC* address) noexcept nogil
    cdef bint has_text(self, str text) except -1


cdef class AddressRules:
    cdef readonly AddressSet allow
    cdef readonly AddressSet deny
    cdef readonly bint admits_all

    cdef bint admits_address(self, const AddressC* address) noexcept
    cdef bint admits_text(self, str text) except -1
