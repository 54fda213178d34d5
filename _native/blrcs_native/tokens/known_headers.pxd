"""Headers of tokens that have chosen a key before, for the verifier."""

cimport cython
from libc.stdint cimport uint64_t

from blrcs_native.tokens.keys cimport VerificationKey

cdef enum:
    KNOWN_HEADERS = 8
    NOTED_HEADERS = 64
    MOST_HEADER_BYTES = 512


@cython.final
cdef class KnownHeaders:
    cdef list _texts
    cdef list _keys
    cdef Py_ssize_t _last
    cdef Py_ssize_t _oldest
    # Hashes of those that came once.
    cdef uint64_t _noted[NOTED_HEADERS]

    # The key that a header has chosen, as tokens write it; None for one that is not known.
    cdef VerificationKey find(self, const unsigned char* text, Py_ssize_t size)
    # It has chosen this one.
    cdef object note(self, const unsigned char* text, Py_ssize_t size, VerificationKey key)
    cdef void clear(self) noexcept
