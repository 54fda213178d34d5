"""Who calls: the guard of every method that is not public."""

from collections.abc import Callable

from blrcs.domain.policy import BindingDemand, MethodPolicy
from blrcs.interceptors.peer_certificate import certificate_thumbprint
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.statuses import rejection, retry_info, retry_trailers
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards import authentication as native
from blrcs_native.guards.certificate import CertificateGuard, CertificatePrincipals
from blrcs_native.guards.guard import Guard
from blrcs_native.tokens import binding as token_binding
from blrcs_native.tokens.refusal import REFUSALS
from blrcs_native.tokens.verifier import TokenVerifier

NOT_VERIFIED = "TOKEN_NOT_VERIFIED"
ISSUER_UNKNOWN = "TOKEN_ISSUER_UNKNOWN"
TYPE_UNACCEPTED = "TOKEN_TYPE_UNACCEPTED"
BEARER = "Bearer"


def _unauthenticated(reason: str, message: str, challenge: str = BEARER) -> Rejection:
    return rejection(
        "UNAUTHENTICATED",
        "authentication",
        reason,
        message,
        trailers=(("www-authenticate", challenge),),
    )


def _stranger(told: Rejection) -> Rejection:
    """As ``told`` to the caller; the log says that its issuer is unknown (not verified)."""
    return Rejection(told.code, told.stage, ISSUER_UNKNOWN, told.message, told.trailers)


def _proof_challenge(error: str = "") -> str:
    """RFC 9449, section 7.1; no error where no token was shown."""
    told = f'error="{error}", ' if error else ""
    return f'DPoP {told}algs="{" ".join(token_binding.PROOF_ALGORITHMS)}"'


def _not_verified(retry_after_ms: int | None) -> Rejection:
    """Says nothing against the token: whoever has a good one must not throw it away."""
    return rejection(
        "RESOURCE_EXHAUSTED",
        "authentication",
        NOT_VERIFIED,
        REFUSALS[NOT_VERIFIED].description,
        details=() if retry_after_ms is None else (retry_info(retry_after_ms),),
        trailers=() if retry_after_ms is None else retry_trailers(retry_after_ms),
    )


BINDING_REJECTIONS = {
    token_binding.CERTIFICATE: _unauthenticated(
        token_binding.CERTIFICATE, "the token is bound to another client certificate"
    ),
    token_binding.PROOF_MISSING: _unauthenticated(
        token_binding.PROOF_MISSING,
        "the token is bound to a key: send it as DPoP TOKEN with a proof",
        _proof_challenge("invalid_token"),
    ),
    token_binding.PROOF_INVALID: _unauthenticated(
        token_binding.PROOF_INVALID,
        "the proof in dpop is not valid for this call, or was used before",
        _proof_challenge("invalid_dpop_proof"),
    ),
    token_binding.UNBOUND: _unauthenticated(
        token_binding.UNBOUND, "a token is needed that is bound to its caller"
    ),
}

PROOF_DEMANDED = {
    native.MISSING: _unauthenticated(
        native.MISSING,
        "the metadata has no authorization: sign in with a proof and send DPoP TOKEN",
        _proof_challenge(),
    ),
    token_binding.UNBOUND: _unauthenticated(
        token_binding.UNBOUND,
        "a token is needed that is bound to a key",
        _proof_challenge("invalid_token"),
    ),
}
"""Of methods whose policy takes only tokens that are bound to keys."""

REJECTIONS = {
    native.MISSING: _unauthenticated(
        native.MISSING, "the metadata has no authorization: sign in and send Bearer TOKEN"
    ),
    native.AMBIGUOUS: _unauthenticated(
        native.AMBIGUOUS, "the metadata has more than one authorization"
    ),
    native.SCHEME: _unauthenticated(native.SCHEME, "authorization is not of the form Bearer TOKEN"),
    native.PASSWORD_CHANGE: rejection(
        "FAILED_PRECONDITION",
        "authentication",
        native.PASSWORD_CHANGE,
        "the password must be changed first, by UserService.ChangePassword",
    ),
    **BINDING_REJECTIONS,
    **{
        reason: _unauthenticated(reason, refusal.description)
        for reason, refusal in REFUSALS.items()
    },
    ISSUER_UNKNOWN: _stranger(
        _unauthenticated(TYPE_UNACCEPTED, REFUSALS[TYPE_UNACCEPTED].description)
    ),
    NOT_VERIFIED: _not_verified(None),
}


NOBODY = _unauthenticated(
    "CERTIFICATE_UNKNOWN", "the client certificate is not that of a principal"
)


def certificate_guards(
    guards: tuple[Guard, ...],
    certificates: CertificatePrincipals | None,
    *,
    required: bool,
    demanded: BindingDemand | None = None,
) -> tuple[Guard, ...]:
    """The guards, the first behind what takes the principal of a certificate without a token.

    Args:
        guards: The one of tokens, and what else is asked about any principal; none for a public
            method.
        certificates: Whose certificates are; None where they are nobody's.
        required: Callers whose certificate is nobody's are refused, whatever their token.
        demanded: What the policy wants tokens to be bound to. A certificate is bound to its own
            key, and to no other.
    """
    if certificates is None or not guards:
        return guards
    tokens, *others = guards
    nobody = NOBODY if required else None
    only_tokens = demanded == "dpop"
    return (CertificateGuard(certificates, tokens, nobody, only_tokens=only_tokens), *others)


CheckProof = Callable[[Call, str, str], bool]
"""Whether a call carries a good proof of the key with a thumbprint, for a token."""

DEMANDED: dict[BindingDemand | None, tuple[str, ...]] = {
    None: (),
    "any": token_binding.BINDINGS,
    "mtls": ("certificate",),
    "dpop": ("proof",),
}


def authentication_guards(
    policy: MethodPolicy, verifier: TokenVerifier, check_proof: CheckProof | None = None
) -> tuple[Guard, ...]:
    """The guard that a policy asks for; none for a public method, whatever token comes with it.

    Without ``check_proof`` tokens that are bound to keys are refused.

    Raises:
        PolicyError: The policy asks for such tokens alone all the same.
    """
    if policy.is_public:
        return ()
    demanded = DEMANDED[policy.token_binding]
    if demanded == ("proof",) and check_proof is None:
        raise PolicyError("its token_binding is dpop, and auth.proof_origins names no origin")
    failures = verifier.failures
    rejections = REJECTIONS | (PROOF_DEMANDED if demanded == ("proof",) else {})
    if failures is not None:
        rejections[NOT_VERIFIED] = _not_verified(failures.retry_after_ms)
    return (
        native.AuthenticationGuard(
            verifier,
            rejections,
            binding=token_binding.BindingRules(
                rejections,
                demanded=demanded,
                certificate_of=certificate_thumbprint,
                check_proof=check_proof,
            ),
            allow_password_change_required=policy.allow_password_change_required,
            shadow="authentication" in policy.shadow,
        ),
    )
