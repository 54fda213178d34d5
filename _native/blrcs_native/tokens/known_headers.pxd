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
    # Of the keyset by which they have chosen.
    cdef uint64_t _generation
    # Hashes of those that came once.
    cdef uint64_t _noted[NOTED_HEADERS]

    # The key that a header has chosen, as tokens write it, from the keyset of this generation; None for
    # one that is not known.
    cdef VerificationKey find(
        self, const unsigned char* text, Py_ssize_t size, uint64_t generation
    )
    # It has chosen this one.
    cdef object note(
        self, const unsigned char* text, Py_ssize_t size, VerificationKey key, uint64_t generation
    )
    cdef void clear(self) noexcept
