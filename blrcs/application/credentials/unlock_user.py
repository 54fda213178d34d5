"""Letting somebody try again at once."""

import asyncio
from collections.abc import Sequence

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SignInThrottle
from blrcs.application.ports.identity import SessionRepository, UserRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import user_name


class UnlockUser:
    """Forgets the failed proofs that keep a user waiting."""

    def __init__(
        self,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        throttles: Sequence[SignInThrottle],
        clock: Clock,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._throttles = throttles
        self._clock = clock

    async def __call__(self, user_id: str) -> None:
        """Forgets them; what an address has failed on many accounts stays.

        Raises:
            NotFoundError: There is no such user.
            UnavailableError: Not all of them can be forgotten now.
        """
        if await self._users.get(user_id) is None:
            raise NotFoundError(user_name(user_id))
        addresses = await self._sessions.addresses(user_id, now_ns=self._clock())
        # Each is asked, whatever becomes of the others.
        outcomes = await asyncio.gather(
            *(throttle.forgive(user_id, addresses) for throttle in self._throttles),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
