"""Who calls: the guard of every method that is not public."""

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.statuses import rejection
from blrcs_native import authentication_guard as native
from blrcs_native.certificate_guard import CertificateGuard, CertificatePrincipals
from blrcs_native.guard import Guard
from blrcs_native.rejection import Rejection
from blrcs_native.token import TokenVerifier
from blrcs_native.token_refusal import REFUSALS

CHALLENGE = (("www-authenticate", "Bearer"),)


def _unauthenticated(reason: str, message: str) -> Rejection:
    return rejection("UNAUTHENTICATED", "authentication", reason, message, trailers=CHALLENGE)


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
    """Guards of tokens, behind what takes the principal of a certificate where there is no token.

    Args:
        guards: Those of tokens.
        certificates: Whose certificates are; None where they are nobody's.
        required: Callers whose certificate is nobody's are refused, whatever their token.
    """
    if certificates is None:
        return guards
    nobody = NOBODY if required else None
    return tuple(CertificateGuard(certificates, guard, nobody) for guard in guards)


def authentication_guards(policy: MethodPolicy, verifier: TokenVerifier) -> tuple[Guard, ...]:
    """The guard that a policy asks for; none for a public method, whatever token comes with it."""
    if policy.is_public:
        return ()
    return (
        native.AuthenticationGuard(
            verifier,
            REJECTIONS,
            allow_password_change_required=policy.allow_password_change_required,
            shadow="authentication" in policy.shadow,
        ),
    )
