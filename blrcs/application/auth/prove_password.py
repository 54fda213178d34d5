"""The proof that somebody knows a user's password."""

from dataclasses import dataclass

from blrcs.application.ports.credentials import PasswordHasher, PasswordVerdict, SignInThrottle
from blrcs.application.ports.identity import UserRepository
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
        self, *, users: UserRepository, hasher: PasswordHasher, throttle: SignInThrottle
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._throttle = throttle

    async def __call__(self, user_id: str, password: str, *, address: str) -> PasswordProof | None:
        """The proof; None if the password is wrong, or the user disabled or unknown.

        The attempt is charged before the work, so that guesses made at once are counted too.

        Raises:
            ResourceExhaustedError: Too many failures for the account or from the address, or too
                many passwords to verify at present.
        """
        wait_ns = self._throttle.allow(user_id, address)
        if wait_ns is not None:
            raise ResourceExhaustedError(
                "SIGN_IN_THROTTLED", "too many failed attempts", retry_after_ns=wait_ns
            )
        user = await self._users.get(user_id)
        verdict = await self._verify(user, user_id, password, address)
        if user is None or user.disabled or not verdict.matches:
            return None
        self._throttle.refund(user_id, address)
        return PasswordProof(user, verdict.needs_rehash)

    async def _verify(
        self, user: User | None, user_id: str, password: str, address: str
    ) -> PasswordVerdict:
        try:
            return await self._hasher.verify(user.password_hash if user else None, password)
        except ResourceExhaustedError:
            # Nothing was verified, so nothing failed.
            self._throttle.refund(user_id, address)
            raise
