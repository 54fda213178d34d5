"""The token verifier, for guards written in Cython."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from blrcs_native.tokens.claims cimport Claims
from blrcs_native.tokens.failed_verifications cimport FailedVerifications
from blrcs_native.tokens.jws cimport CompactParts
from blrcs_native.tokens.keys cimport Keyset, VerificationKey
from blrcs_native.tokens.known_headers cimport KnownHeaders
from blrcs_native.tokens.refusal cimport TokenRefusal
from blrcs_native.tokens.revocations cimport Revocations
from blrcs_native.tokens.rules cimport TokenRules
from blrcs_native.tokens.unfit_tokens cimport UnfitTokens


@cython.final
cdef class TokenVerifier:
    cdef readonly Keyset keyset
    cdef readonly Revocations revocations
    cdef readonly FailedVerifications failures
    cdef readonly Py_ssize_t max_bytes
    cdef readonly Py_ssize_t cache_entries
    cdef readonly uint64_t keyset_generation
    cdef TokenRules _rules
    cdef object _clock
    cdef object _look_for_key
    # Where the last token named a key that is not known, and keys are on their way: what is done once
    # they are here; else None.
    cdef object coming
    # Verifiers of other issuers, and the tokens that these accepted.
    cdef dict _others
    cdef dict _delegated
    cdef dict _hot
    cdef dict _cold
    # Tokens that were looked at and refused: the refusal, or claims that were not good then.
    cdef dict _refused
    # Those that were refused unverified, for what neither time nor a key that is added changes.
    cdef UnfitTokens _unfit
    # Credentials whose tokens were accepted, with these, and those whose tokens are known as refused.
    cdef dict _bearers
    cdef dict _refused_bearers
    cdef KnownHeaders _headers

    # Claims or a TokenRefusal; raises TypeError for what is neither exactly bytes nor exactly str.
    # The caller, a Call or an address, pays for a verification that fails; for None nobody does. The
    # asker pays too, if the token comes in a request.
    cdef object verify_token(self, object token, object caller=*, str asker=*)
    # Likewise, of credentials such as "Bearer TOKEN"; None where they have another scheme.
    cdef object verify_bearer(self, str credentials, object caller)

    cdef object _verify_text(
        self, object token, const unsigned char* text, Py_ssize_t size, object caller, str asker
    )
    cdef object _choose_key(self, const unsigned char* text, Py_ssize_t size)
    cdef object _ask_other(
        self, object token, const unsigned char* text, CompactParts* parts, object caller, str asker
    )
    cdef bint _names_stranger(self, const unsigned char* text, CompactParts* parts) except -1
    cdef object _left_to(self, TokenVerifier other, object token, object caller, str asker)
    cdef object _check_signed(
        self, object token, VerificationKey key, const unsigned char* text, CompactParts* parts,
        uint64_t generation
    )
    cdef object _admit(self, object token, Claims claims, uint64_t generation)
    cdef object _recheck(self, object token, Claims claims, bint is_hot)
    cdef object _refuse_again(self, object token, object known)
    cdef TokenRefusal _check_now(self, Claims claims)
    cdef object _remember(self, object token, Claims claims)
    cdef object _remember_refused(self, object token, object what, uint64_t generation)
    cdef TokenRefusal _refuse_unfit(self, object token, TokenRefusal why, uint64_t generation)
    cdef int64_t _now_ns(self) except? -1
