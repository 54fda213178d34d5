"""Headers of tokens and the keys that they have chosen: an issuer's tokens have few, all alike.

Which key a header chooses follows from its text, the rules and the keyset. So a text that has chosen
one chooses it again until the keyset is another, and need not be read as JSON.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memset

from blrcs_native.encoding.octets_hash cimport octets_hash
from blrcs_native.tokens.keys cimport VerificationKey

# Which texts meet in one slot cannot be guessed from outside.
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")


cdef inline bint is_of(bytes known, const unsigned char* text, Py_ssize_t size) noexcept:
    return PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), text, size) == 0


@cython.final
@cython.auto_pickle(False)
cdef class KnownHeaders:
    def __cinit__(self):
        self._texts = []
        self._keys = []

    cdef VerificationKey find(
        self, const unsigned char* text, Py_ssize_t size, uint64_t generation
    ):
        cdef Py_ssize_t index
        cdef Py_ssize_t count = len(self._texts)
        if count == 0 or size > MOST_HEADER_BYTES or generation != self._generation:
            return None
        if is_of(<bytes>self._texts[self._last], text, size):
            return <VerificationKey>self._keys[self._last]
        for index in range(count):
            if is_of(<bytes>self._texts[index], text, size):
                self._last = index
                return <VerificationKey>self._keys[index]
        return None

    cdef object note(
        self, const unsigned char* text, Py_ssize_t size, VerificationKey key, uint64_t generation
    ):
        """What comes once is only noted: whoever makes up headers pushes none out by them."""
        cdef uint64_t hashed
        cdef Py_ssize_t slot
        if size > MOST_HEADER_BYTES:
            return
        if generation != self._generation:
            self.clear()
            self._generation = generation
        hashed = octets_hash(SEED, text, size)
        slot = hashed % NOTED_HEADERS
        if self._noted[slot] != hashed:
            self._noted[slot] = hashed
            return
        header = PyBytes_FromStringAndSize(<const char*>text, size)
        if len(self._texts) < KNOWN_HEADERS:
            self._texts.append(header)
            self._keys.append(key)
            return
        self._texts[self._oldest] = header
        self._keys[self._oldest] = key
        self._oldest = (self._oldest + 1) % KNOWN_HEADERS

    cdef void clear(self) noexcept:
        self._texts = []
        self._keys = []
        self._last = self._oldest = 0
        memset(self._noted, 0, sizeof(self._noted))
