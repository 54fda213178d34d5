"""Dropping what has expired."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import SessionRepository


class PurgeExpired:
    """Drops sessions, refresh tokens and revocations that nobody can use any more."""

    def __init__(self, *, sessions: SessionRepository, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def __call__(self) -> int:
        """Returns how many sessions that were."""
        return await self._sessions.purge(self._clock())
