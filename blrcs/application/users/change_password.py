"""Changing a password by who knows the present one."""

from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, PasswordRules
from blrcs.application.ports.identity import UserChange, UserRepository
from blrcs.domain.errors import AbortedError, InvalidArgumentError
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User


class ChangePassword:
    """Changes a user's password and ends its sessions, but for the caller's own."""

    def __init__(
        self,
        *,
        prove_password: ProvePassword,
        users: UserRepository,
        hasher: PasswordHasher,
        rules: PasswordRules,
        clock: Clock,
    ) -> None:
        self._prove_password = prove_password
        self._users = users
        self._hasher = hasher
        self._rules = rules
        self._clock = clock

    async def __call__(
        self,
        user_id: str,
        *,
        old_password: str,
        new_password: str,
        actor: str,
        session_id: str,
        address: str,
    ) -> None:
        """Changes it. ``session_id`` is the session of ``actor``, kept if the user is the actor.

        Raises:
            InvalidArgumentError: The new password is not acceptable or is the old one, or the old
                one is wrong; for a user who is disabled or unknown it always is.
            ResourceExhaustedError: See ProvePassword.
            AbortedError: The password was changed in between.
        """
        await self._rules.check(new_password, user_id=user_id, field="new_password")
        if new_password == old_password:
            raise InvalidArgumentError("new_password", "is the old password")
        proof = await self._prove_password(user_id, old_password, address=address)
        if proof is None:
            raise InvalidArgumentError("old_password", "is wrong", reason="PASSWORD_WRONG")
        password_hash = await self._hasher.hash(new_password)
        now_ns = self._clock()

        def change(stored: User) -> UserChange:
            if stored.password_time_ns != proof.user.password_time_ns:
                raise AbortedError(stored.name, reason="PASSWORD_CHANGED")
            changed = stored.with_password(password_hash, now_ns=now_ns, by_owner=True)
            kept = session_id if actor == user_name(user_id) else ""
            return UserChange(changed, ends_sessions=True, kept_session_id=kept)

        await self._users.update(user_id, change)
