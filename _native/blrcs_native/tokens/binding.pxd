"""By whom a token may be used, for guards written in Cython."""

cimport cython

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.tokens.claims cimport Claims


@cython.final
cdef class BindingRules:
    cdef dict _rejections
    cdef bint _takes_certificates
    cdef bint _takes_proofs
    cdef bint demands
    cdef object _certificate_of
    cdef object _check_proof

    cdef Rejection check(self, Call call, Claims claims, str token, bint with_proof)
