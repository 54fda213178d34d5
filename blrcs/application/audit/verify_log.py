"""Verifying the audit log."""

from collections.abc import Sequence

from blrcs.application.ports.audit import AuditTrail
from blrcs.domain.audit_finding import ChainReport


class VerifyLog:
    """Says whether every record is as it was written."""

    def __init__(self, *, trail: AuditTrail) -> None:
        self._trail = trail

    async def __call__(self, checkpoints: Sequence[str]) -> Sequence[ChainReport]:
        """What is to be said of each chain; see the port."""
        return await self._trail.verify(checkpoints)
