"""Access tokens, read by the verifier that guards calls."""

from blrcs.application.ports.credentials import TokenFacts
from blrcs_native.token import TokenVerifier
from blrcs_native.token_refusal import TokenRefusal


class VerifyingTokenInspector:
    """Implements the TokenInspector port: a token that would pass authentication is valid."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def inspect(self, token: str) -> TokenFacts | None:
        """See the port."""
        claims = self._verifier.verify(token)
        if isinstance(claims, TokenRefusal):
            return None
        return TokenFacts(
            principal=claims.subject,
            session_id=claims.session_id or "",
            token_id=claims.token_id or "",
            issuer=claims.issuer,
            audiences=claims.audiences,
            issue_time_ns=claims.issued_at_ns,
            expire_time_ns=claims.expires_at_ns,
        )
