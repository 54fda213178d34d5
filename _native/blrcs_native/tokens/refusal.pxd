"""The refusals of tokens, for guards written in Cython."""

cimport cython


@cython.final
cdef class TokenRefusal:
    cdef readonly str reason
    cdef readonly str description


cdef TokenRefusal TOO_LARGE
cdef TokenRefusal MALFORMED
cdef TokenRefusal HEADER_INVALID
cdef TokenRefusal CRITICAL_UNSUPPORTED
cdef TokenRefusal TYPE_UNACCEPTED
cdef TokenRefusal ISSUER_UNKNOWN
cdef TokenRefusal KEY_UNKNOWN
cdef TokenRefusal ALGORITHM_MISMATCH
cdef TokenRefusal NOT_VERIFIED
cdef TokenRefusal SIGNATURE_INVALID
cdef TokenRefusal CLAIMS_INVALID
cdef TokenRefusal ISSUER_UNTRUSTED
cdef TokenRefusal AUDIENCE_MISMATCH
cdef TokenRefusal PRINCIPAL_UNKNOWN
cdef TokenRefusal LIVES_TOO_LONG
cdef TokenRefusal EXPIRED
cdef TokenRefusal NOT_YET_VALID
cdef TokenRefusal ISSUED_IN_FUTURE
cdef TokenRefusal REVOKED
