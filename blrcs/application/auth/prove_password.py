"""The proof that somebody knows a user's password."""

from dataclasses import dataclass

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, PasswordVerdict, SignInThrottle
from blrcs.application.ports.identity import SessionRepository, UserRepository
from blrcs.domain.address_block import address_block
from blrcs.domain.errors import ResourceExhaustedError
from blrcs.domain.user import User


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """The user as read before the proof, and whether the stored hash should be made anew."""

    user: User
    needs_rehash: bool


class ProvePassword:
    """Verifies a password, with the same work and answer whether or not the user exists."""

    def __init__(
        self,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        hasher: PasswordHasher,
        throttle: SignInThrottle,
        clock: Clock,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._hasher = hasher
        self._throttle = throttle
        self._clock = clock

    async def __call__(self, user_id: str, password: str, *, address: str) -> PasswordProof | None:
        """The proof; None if the password is wrong, or the user disabled or unknown.

        The attempt is charged before the work, so that guesses made at once are counted too.

        Raises:
            ResourceExhaustedError: Too many failures for the account or from the address, or too
                many passwords to verify at present.
        """
        familiar = await self._charge(user_id, address)
        user = await self._users.get(user_id)
        try:
            verdict = await self._verify(user, password)
        except ResourceExhaustedError:
            # Nothing was verified, so nothing failed.
            await self._throttle.refund(user_id, address, familiar=familiar)
            raise
        if user is None or user.disabled or not verdict.matches:
            return None
        await self._throttle.refund(user_id, address, familiar=familiar)
        return PasswordProof(user, verdict.needs_rehash)

    async def _charge(self, user_id: str, address: str) -> bool:
        """Whether it was charged to the familiar address, since the account must wait."""
        wait_ns = await self._throttle.allow(user_id, address)
        if wait_ns is None:
            return False
        if await self._is_familiar(user_id, address):
            wait_ns = await self._throttle.allow(user_id, address, familiar=True)
            if wait_ns is None:
                return True
        raise ResourceExhaustedError(
            "SIGN_IN_THROTTLED", "too many failed attempts", retry_after_ns=wait_ns
        )

    async def _is_familiar(self, user_id: str, address: str) -> bool:
        """Whether the user has a session that was opened from there."""
        known = await self._sessions.addresses(user_id, now_ns=self._clock())
        return address_block(address) in map(address_block, known)

    async def _verify(self, user: User | None, password: str) -> PasswordVerdict:
        return await self._hasher.verify(user.password_hash if user else None, password)
