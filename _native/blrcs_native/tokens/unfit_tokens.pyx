"""Tokens that are refused for what they are, before anybody verifies them: whoever sends one may send
it with each call, and reading it anew would cost him nothing.

They lie apart from those that were verified, so that no number of them has one of these forgotten.
What comes once is only noted: whoever makes up tokens pushes none out.
"""

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject

from blrcs_native.tokens.refusal cimport TokenRefusal

cdef enum:
    MOST_TOKENS = 1024
    MOST_BYTES = 2048


@cython.final
@cython.auto_pickle(False)
cdef class UnfitTokens:
    def __cinit__(self):
        self._refusals = {}

    cdef TokenRefusal find(self, object token):
        cdef PyObject* found = PyDict_GetItemWithError(self._refusals, token)
        return None if found == NULL else <TokenRefusal>found

    cdef object note(self, object token, TokenRefusal why):
        cdef Py_hash_t hashed
        cdef Py_ssize_t slot
        if len(token) > MOST_BYTES:
            return
        hashed = hash(token)
        slot = <size_t>hashed % NOTED_TOKENS
        if self._noted[slot] != hashed:
            self._noted[slot] = hashed
            return
        if len(self._refusals) >= MOST_TOKENS:
            self._refusals.clear()
        self._refusals[token] = why

    cdef void clear(self) noexcept:
        self._refusals = {}
