"""The guard that finds out who calls, by a bearer token."""

from asyncio import wait

cimport cython

from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.field_name cimport field_part, is_named
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.guard cimport Guard
from blrcs_native.tokens cimport refusal
from blrcs_native.tokens.binding cimport BindingRules
from blrcs_native.tokens.claims cimport Claims
from blrcs_native.tokens.verifier cimport TokenVerifier

from blrcs_native.tokens.claims import PASSWORD_CHANGE_CLAIM

MISSING = "TOKEN_MISSING"
AMBIGUOUS = "TOKEN_AMBIGUOUS"
SCHEME = "TOKEN_SCHEME_UNKNOWN"
PASSWORD_CHANGE = "PASSWORD_CHANGE_REQUIRED"
LONGEST_WAIT_S = 5.0


@cython.final
cdef class AuthenticationGuard(Guard):
    cdef TokenVerifier verifier
    cdef dict rejections
    cdef BindingRules binding
    cdef bint allow_password_change_required

    def __init__(
        self,
        TokenVerifier verifier not None,
        rejections,
        *,
        bint allow_password_change_required=False,
        BindingRules binding=None,
        bint shadow=False,
    ):
        Guard.__init__(self, "authentication", shadow=shadow)
        self.verifier = verifier
        self.rejections = dict(rejections)
        self.binding = BindingRules(rejections) if binding is None else binding
        self.allow_password_change_required = allow_password_change_required

    cpdef object check(self, Call call):
        # One in shadow only notes what it finds.
        return self._decide(call, not self.shadow)

    async def _decide_later(self, Call call, coming):
        await wait((coming,), timeout=LONGEST_WAIT_S)
        return self._decide(call, False)

    cdef object _decide(self, Call call, bint may_wait):
        cdef Claims claims
        cdef Principal principal
        cdef str header = None
        cdef bint with_proof = False
        cdef Rejection rejection
        for field in call.metadata:
            if not is_named(field_part(field, 0), "authorization"):
                continue
            if header is not None:
                return self.rejections[AMBIGUOUS]
            value = field_part(field, 1)
            if type(value) is not str:
                return self.rejections[SCHEME]
            header = value
        if header is None:
            return self.rejections[MISSING]
        verdict = self.verifier.verify_bearer(header, call)
        if verdict is None:
            if header[:5].lower() != "dpop ":
                return self.rejections[SCHEME]
            with_proof = True
            verdict = self.verifier.verify_token(header[5:], call)
        if type(verdict) is not Claims:
            if may_wait and verdict is refusal.KEY_UNKNOWN and self.verifier.coming is not None:
                return self._decide_later(call, self.verifier.coming)
            return self.rejections[verdict.reason]
        claims = verdict
        principal = Principal.__new__(Principal)
        principal.name = claims.principal
        principal.session = "" if claims.is_foreign else claims.session_id or ""
        principal.token_id = claims.token_id or ""
        principal.claims = claims
        principal.groups = claims.groups
        principal.scope = claims.permitted
        principal.serial = claims.serial
        call.principal = principal
        if claims.is_bound or self.binding.demands or with_proof:
            rejection = self.binding.check(call, claims, header.partition(" ")[2], with_proof)
            if rejection is not None:
                return rejection
        if claims.demands_password and not self.allow_password_change_required:
            return self.rejections[PASSWORD_CHANGE]
        return None
