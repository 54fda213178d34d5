"""A request that was read natively; the contract is in checked_request.pyi."""

cdef class CheckedRequest:
    cdef readonly bytes octets
    cdef readonly str parent
    cdef readonly bint is_malformed
    cdef object parse
    cdef object parsed

    cdef object made(self)
