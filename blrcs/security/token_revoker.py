"""Revocations, handed to the verifier that guards calls."""

from collections.abc import Iterable

from blrcs.domain.revocation import Revocation
from blrcs_native.tokens.revocations import Revocations


class VerifierRevoker:
    """Implements the Revoker port; sessions are those of one issuer."""

    def __init__(self, revocations: Revocations, *, issuer: str) -> None:
        self._revocations = revocations
        self._issuer = issuer

    def revoke_sessions(self, session_ids: Iterable[str], *, expires_at_ns: int) -> None:
        """See the port."""
        for session_id in session_ids:
            self._revocations.revoke_session(self._issuer, session_id, expires_at_ns=expires_at_ns)

    def restore_sessions(self, session_ids: Iterable[str], *, expires_at_ns: int) -> None:
        """See the port."""
        for session_id in session_ids:
            self._revocations.restore_session(self._issuer, session_id, expires_at_ns=expires_at_ns)

    def revoke(self, revocation: Revocation) -> None:
        """See the port."""
        issuer, name, until_ns = revocation.issuer, revocation.name, revocation.expire_time_ns
        match revocation.kind:
            case "key":
                self._revocations.revoke_key(issuer, name, expires_at_ns=until_ns)
            case "token":
                self._revocations.revoke_token(issuer, name, expires_at_ns=until_ns)
            case "subject":
                self._revocations.revoke_subject(
                    issuer, name, issued_before_ns=revocation.time_ns, expires_at_ns=until_ns
                )

    def restore(self, revocation: Revocation) -> None:
        """See the port."""
        issuer, name, until_ns = revocation.issuer, revocation.name, revocation.expire_time_ns
        match revocation.kind:
            case "key":
                self._revocations.restore_key(issuer, name, expires_at_ns=until_ns)
            case "token":
                self._revocations.restore_token(issuer, name, expires_at_ns=until_ns)
            case "subject":
                self._revocations.restore_subject(
                    issuer, name, issued_before_ns=revocation.time_ns, expires_at_ns=until_ns
                )
