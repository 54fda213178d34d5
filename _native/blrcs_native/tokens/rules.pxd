"""What tokens have to be, for the verifier."""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.tokens.claims cimport Claims
from blrcs_native.tokens.keys cimport Keyset
from blrcs_native.tokens.refusal cimport TokenRefusal


@cython.final
cdef class TokenRules:
    cdef frozenset issuers
    cdef int64_t leeway_ns
    cdef int64_t _max_ttl_ns
    cdef bint allow_missing_kid
    cdef frozenset _audiences
    cdef frozenset _types
    cdef bint _scope_narrows
    cdef object _identify

    # The key that a header's token is checked with, or a refusal.
    cdef object choose_key(self, dict header, Keyset keyset)
    # Why claims whose signature is good are not accepted, at any time, or None. Then they are told
    # who it is, what it permits, and between which instants.
    cdef TokenRefusal judge(self, Claims claims)

    cdef bint _find_out_who(self, Claims claims) except -1
