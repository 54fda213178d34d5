"""Access tokens, read by the verifier that guards calls."""

from blrcs.application.ports.credentials import Asker, TokenFacts
from blrcs.domain.errors import ResourceExhaustedError
from blrcs.domain.token_limits import TokenBinding, actors_in
from blrcs_native.guards.authentication import PASSWORD_CHANGE_CLAIM
from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.failed_verifications import FailedVerifications
from blrcs_native.tokens.refusal import TokenRefusal
from blrcs_native.tokens.verifier import TokenVerifier

NS_PER_MS = 1_000_000
NOT_VERIFIED = "TOKEN_NOT_VERIFIED"
TOO_MANY = "the token was not looked at: too many that you sent were not valid; try again later"


class VerifyingTokenInspector:
    """Implements the TokenInspector port: a token that would pass authentication is valid."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def inspect(self, token: str, asker: Asker) -> TokenFacts | None:
        """See the port."""
        claims = self._verifier.verify(token, asker.address, asker=asker.principal)
        if isinstance(claims, TokenRefusal):
            if claims.reason == NOT_VERIFIED:
                raise not_verified(self._verifier.failures)
            return None
        return TokenFacts(
            principal=claims.principal,
            session_id="" if claims.is_foreign else claims.session_id or "",
            token_id=claims.token_id or "",
            issuer=claims.issuer,
            audiences=claims.audiences,
            issue_time_ns=claims.issued_at_ns,
            expire_time_ns=claims.expires_at_ns,
            scope=None if claims.permitted is None else claims.scopes,
            actors=() if claims.actor is None else tuple(actors_in(claims.members)),
            actor_sessions=claims.actor_sessions,
            binding=token_binding(claims),
            password_change_required=(
                not claims.is_foreign and PASSWORD_CHANGE_CLAIM in claims.members
            ),
            is_foreign=claims.is_foreign,
        )


def not_verified(failures: FailedVerifications | None) -> ResourceExhaustedError:
    """That who asks has had too many tokens verified in vain: nothing is said of this one."""
    wait_ms = None if failures is None else failures.asker_retry_after_ms
    return ResourceExhaustedError(
        NOT_VERIFIED,
        TOO_MANY,
        retry_after_ns=None if wait_ms is None else wait_ms * NS_PER_MS,
    )


def token_binding(claims: Claims) -> TokenBinding | None:
    """What a token is bound to; of several, the certificate."""
    if claims.certificate_thumbprint is not None:
        return TokenBinding("certificate", claims.certificate_thumbprint)
    if claims.key_thumbprint is not None:
        return TokenBinding("proof", claims.key_thumbprint)
    return None
