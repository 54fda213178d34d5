"""By whom a good token may be used: by who shows what it is bound to.

A binding that a token carries is always checked, whatever the method.
"""

cimport cython

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.tokens.claims cimport Claims

BINDINGS = ("certificate", "proof")
PROOF_ALGORITHMS = ("ES256", "EdDSA")
CERTIFICATE = "TOKEN_CERTIFICATE_MISMATCH"
PROOF_MISSING = "TOKEN_PROOF_MISSING"
PROOF_INVALID = "TOKEN_PROOF_INVALID"
UNBOUND = "TOKEN_UNBOUND"


@cython.final
cdef class BindingRules:
    """See tokens/binding.pyi."""

    def __init__(self, rejections, *, demanded=(), certificate_of=None, check_proof=None):
        if not set(demanded) <= set(BINDINGS):
            raise ValueError(f"tokens are bound by {' or '.join(BINDINGS)}, not {demanded!r}")
        self._rejections = dict(rejections)
        self._takes_certificates = "certificate" in demanded
        self._takes_proofs = "proof" in demanded
        self.demands = bool(demanded)
        self._certificate_of = certificate_of
        self._check_proof = check_proof

    cdef Rejection check(self, Call call, Claims claims, str token, bint with_proof):
        cdef bint satisfied = not self.demands
        if claims.certificate_thumbprint is not None:
            # Without a way to ask for the certificate there is none.
            if self._certificate_of is None:
                return self._rejections[CERTIFICATE]
            if self._certificate_of(call) != claims.certificate_thumbprint:
                return self._rejections[CERTIFICATE]
            satisfied = satisfied or self._takes_certificates
        if claims.key_thumbprint is not None:
            if not with_proof:
                return self._rejections[PROOF_MISSING]
            if self._check_proof is None:
                return self._rejections[PROOF_INVALID]
            if not self._check_proof(call, claims.key_thumbprint, token):
                return self._rejections[PROOF_INVALID]
            satisfied = satisfied or self._takes_proofs
        elif with_proof:
            return self._rejections[UNBOUND]
        return None if satisfied else self._rejections[UNBOUND]
