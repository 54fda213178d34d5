"""What a good token may be used for, and by whom: its scope, and what it is bound to.

A binding that a token carries is always checked, and its scope too, whatever the method.
"""

cimport cython

from blrcs_native.call cimport Call
from blrcs_native.claims cimport Claims
from blrcs_native.rejection cimport Rejection

BINDINGS = ("certificate", "proof")
CERTIFICATE = "TOKEN_CERTIFICATE_MISMATCH"
PROOF_MISSING = "TOKEN_PROOF_MISSING"
PROOF_INVALID = "TOKEN_PROOF_INVALID"
UNBOUND = "TOKEN_UNBOUND"
SCOPE = "TOKEN_SCOPE_INSUFFICIENT"


@cython.final
cdef class TokenUse:
    """See token_use.pyi."""

    def __init__(
        self, rejections, *, str permission=None, demanded=(), certificate_of=None, check_proof=None
    ):
        if not set(demanded) <= set(BINDINGS):
            raise ValueError(f"tokens are bound by {' or '.join(BINDINGS)}, not {demanded!r}")
        self._rejections = dict(rejections)
        self._permission = permission
        self._takes_certificates = "certificate" in demanded
        self._takes_proofs = "proof" in demanded
        self.demands = bool(demanded)
        self._certificate_of = certificate_of
        self._check_proof = check_proof

    cdef Rejection check(self, Call call, Claims claims, str token, bint with_proof):
        cdef Rejection rejection = self._check_binding(call, claims, token, with_proof)
        if rejection is not None:
            return rejection
        if claims.permitted is None or self._permission is None:
            return None
        return None if claims.permitted.allows_c(self._permission) else self._rejections[SCOPE]

    cdef Rejection _check_binding(self, Call call, Claims claims, str token, bint with_proof):
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
