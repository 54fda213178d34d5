"""Dropping what has expired."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import SessionRepository
from blrcs.application.ports.second_factors import SecondFactorRepository


class PurgeExpired:
    """Drops sessions, refresh tokens, revocations and challenges that nobody can use any more."""

    def __init__(
        self,
        *,
        sessions: SessionRepository,
        second_factors: SecondFactorRepository,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._second_factors = second_factors
        self._clock = clock

    async def __call__(self) -> int:
        """Returns how many sessions that were."""
        await self._second_factors.purge(self._clock())
        return await self._sessions.purge(self._clock())
