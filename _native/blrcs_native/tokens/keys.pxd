"""Verification keys, for verifiers written in Cython."""

cimport cython

cdef enum Family:
    HMAC
    EDDSA
    ECDSA
    RSA


@cython.final
cdef class VerificationKey:
    cdef readonly str kid
    cdef readonly str algorithm
    cdef Family _family
    cdef object _public_key
    cdef object _check
    cdef object _scheme
    cdef object _padding
    cdef bytes _order
    cdef Py_ssize_t _signature_size
    cdef object _inner
    cdef object _outer

    cdef bint verify_c(self, bytes signing_input, bytes signature) except -1
    cdef object _prepare_hmac(self, object hash_of, bytes secret)
    cdef bytes _hmac(self, bytes message)


@cython.final
cdef class Keyset:
    cdef dict _by_kid

    cdef VerificationKey find(self, str kid)
    cdef VerificationKey only(self)
    cdef bint has_all_of(self, Keyset other) except -1
