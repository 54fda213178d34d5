"""Tokens that were refused unverified, for the verifier."""

cimport cython

from blrcs_native.tokens.refusal cimport TokenRefusal

cdef enum:
    NOTED_TOKENS = 256


@cython.final
cdef class UnfitTokens:
    cdef dict _refusals
    # Hashes of those that came once.
    cdef Py_hash_t _noted[NOTED_TOKENS]

    # Why it is refused, or None for one that is not known.
    cdef TokenRefusal find(self, object token)
    cdef object note(self, object token, TokenRefusal why)
    cdef void clear(self) noexcept
