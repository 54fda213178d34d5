"""Revocations, handed to the verifier that guards calls."""

from collections.abc import Iterable

from blrcs_native.revocations import Revocations


class VerifierRevoker:
    """Implements the Revoker port for the tokens of one issuer."""

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
