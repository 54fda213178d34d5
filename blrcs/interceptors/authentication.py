"""Who calls: the guard of every method that is not public."""

from collections.abc import Callable

from blrcs.domain.policy import BindingDemand, MethodPolicy, Permission
from blrcs.interceptors.peer_certificate import certificate_thumbprint
from blrcs.interceptors.statuses import rejection
from blrcs_native import authentication_guard as native
from blrcs_native import token_use
from blrcs_native.call import Call
from blrcs_native.certificate_guard import CertificateGuard, CertificatePrincipals
from blrcs_native.guard import Guard
from blrcs_native.rejection import Rejection
from blrcs_native.token import TokenVerifier
from blrcs_native.token_refusal import REFUSALS

CHALLENGE = (("www-authenticate", "Bearer"),)


def _unauthenticated(reason: str, message: str) -> Rejection:
    return rejection("UNAUTHENTICATED", "authentication", reason, message, trailers=CHALLENGE)


TOKEN_USE_REJECTIONS = {
    token_use.CERTIFICATE: _unauthenticated(
        token_use.CERTIFICATE, "the token is bound to another client certificate"
    ),
    token_use.PROOF_MISSING: _unauthenticated(
        token_use.PROOF_MISSING, "the token is bound to a key: send it as DPoP TOKEN with a proof"
    ),
    token_use.PROOF_INVALID: _unauthenticated(
        token_use.PROOF_INVALID, "the proof in dpop is not valid for this call, or was used before"
    ),
    token_use.UNBOUND: _unauthenticated(
        token_use.UNBOUND, "a token is needed that is bound to its caller"
    ),
    token_use.SCOPE: rejection(
        "PERMISSION_DENIED",
        "authorization",
        token_use.SCOPE,
        "the token's scope does not cover the permission that is needed",
    ),
}

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
    **TOKEN_USE_REJECTIONS,
    **{
        reason: _unauthenticated(reason, refusal.description)
        for reason, refusal in REFUSALS.items()
    },
}


NOBODY = _unauthenticated(
    "CERTIFICATE_UNKNOWN", "the client certificate is not that of a principal"
)


def certificate_guards(
    guards: tuple[Guard, ...], certificates: CertificatePrincipals | None, *, required: bool
) -> tuple[Guard, ...]:
    """The guards, the first behind what takes the principal of a certificate without a token.

    Args:
        guards: The one of tokens, and what else is asked about any principal; none for a public
            method.
        certificates: Whose certificates are; None where they are nobody's.
        required: Callers whose certificate is nobody's are refused, whatever their token.
    """
    if certificates is None or not guards:
        return guards
    tokens, *others = guards
    return (CertificateGuard(certificates, tokens, NOBODY if required else None), *others)


CheckProof = Callable[[Call, str, str], bool]
"""Whether a call carries a good proof of the key with a thumbprint, for a token."""

DEMANDED: dict[BindingDemand | None, tuple[str, ...]] = {
    None: (),
    "any": token_use.BINDINGS,
    "mtls": ("certificate",),
    "dpop": ("proof",),
}


def authentication_guards(
    policy: MethodPolicy, verifier: TokenVerifier, check_proof: CheckProof | None = None
) -> tuple[Guard, ...]:
    """The guard that a policy asks for; none for a public method, whatever token comes with it.

    Without ``check_proof`` tokens that are bound to keys are refused.
    """
    if policy.is_public:
        return ()
    return (
        native.AuthenticationGuard(
            verifier,
            REJECTIONS,
            use=_use(policy, check_proof),
            allow_password_change_required=policy.allow_password_change_required,
            shadow="authentication" in policy.shadow,
        ),
    )


def _use(policy: MethodPolicy, check_proof: CheckProof | None) -> token_use.TokenUse:
    return token_use.TokenUse(
        REJECTIONS,
        permission=policy.access.name if isinstance(policy.access, Permission) else None,
        demanded=DEMANDED[policy.token_binding],
        certificate_of=certificate_thumbprint,
        check_proof=check_proof,
    )
