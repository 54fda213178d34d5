"""Setting a password by somebody else."""

from blrcs.application.own_account import refuse_on_oneself
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, PasswordRules
from blrcs.application.ports.identity import UserChange, UserRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User


class ResetPassword:
    """Sets a user's password, ends its sessions, and asks for another password at sign-in."""

    def __init__(
        self, *, users: UserRepository, hasher: PasswordHasher, rules: PasswordRules, clock: Clock
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._rules = rules
        self._clock = clock

    async def __call__(self, user_id: str, *, new_password: str, actor: str) -> None:
        """Sets it.

        Raises:
            InvalidArgumentError: The password is not acceptable.
            FailedPreconditionError: ``actor`` would reset its own: ChangePassword is for that.
            NotFoundError: There is no such user.
            ResourceExhaustedError: Too many passwords to hash at present.
        """
        name = user_name(user_id)
        refuse_on_oneself(actor, name, "reset the password of")
        await self._rules.check(new_password, user_id=user_id, field="new_password")
        if await self._users.get(user_id) is None:
            raise NotFoundError(name)
        password_hash = await self._hasher.hash(new_password)
        now_ns = self._clock()

        def change(stored: User) -> UserChange:
            changed = stored.with_password(password_hash, now_ns=now_ns, by_owner=False)
            return UserChange(changed, ends_sessions=True)

        await self._users.update(user_id, change)
