"""Creating a user."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, PasswordRules
from blrcs.application.ports.identity import UserRepository
from blrcs.application.users.user_fields import UserFields
from blrcs.domain.errors import AlreadyExistsError
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User


class CreateUser:
    """Creates a user, who must change the password at the first sign-in."""

    def __init__(
        self, *, users: UserRepository, hasher: PasswordHasher, rules: PasswordRules, clock: Clock
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._rules = rules
        self._clock = clock

    async def __call__(self, user_id: str, fields: UserFields, *, password: str) -> User:
        """The user created.

        Raises:
            InvalidArgumentError: The password is not acceptable.
            AlreadyExistsError: The id is taken.
            ResourceExhaustedError: Too many passwords to hash at present.
        """
        await self._rules.check(password, user_id=user_id, field="password")
        if await self._users.get(user_id) is not None:
            raise AlreadyExistsError(user_name(user_id))
        password_hash = await self._hasher.hash(password)
        now_ns = self._clock()
        user = User(
            id=user_id,
            display_name=fields.display_name,
            email=fields.email,
            disabled=fields.disabled,
            password_hash=password_hash,
            password_time_ns=now_ns,
            password_change_required=True,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )
        await self._users.add(user)
        return user
