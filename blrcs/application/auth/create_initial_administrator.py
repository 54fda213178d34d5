"""The first user of a new installation."""

from dataclasses import dataclass, field

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import (
    AdministratorGrant,
    PasswordHasher,
    PasswordRules,
    SecretGenerator,
)
from blrcs.application.ports.identity import UserRepository
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User

USER_ID = "admin"


@dataclass(frozen=True, slots=True)
class InitialAdministrator:
    """The user just made.

    Attributes:
        password: The one made up, to show once; empty where one was given.
    """

    user_id: str
    password: str = field(repr=False)


class CreateInitialAdministrator:
    """Makes an administrator where there are no users yet."""

    def __init__(
        self,
        *,
        users: UserRepository,
        hasher: PasswordHasher,
        rules: PasswordRules,
        secrets: SecretGenerator,
        grant_administrator: AdministratorGrant,
        clock: Clock,
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._rules = rules
        self._secrets = secrets
        self._grant_administrator = grant_administrator
        self._clock = clock

    async def __call__(self, password: str = "") -> InitialAdministrator | None:
        """The administrator, with a password to change at the first sign-in; None if users exist.

        Without a ``password`` one is made up. The grant comes first: stopped in between, the next
        start finds no user and does both again.

        Raises:
            InvalidArgumentError: The password given is not acceptable.
        """
        if not await self._users.is_empty():
            return None
        chosen = password or self._secrets.one_time_password()
        await self._rules.check(chosen, user_id=USER_ID, field="password")
        password_hash = await self._hasher.hash(chosen)
        await self._grant_administrator(user_name(USER_ID))
        user = User.administrator(USER_ID, password_hash, now_ns=self._clock())
        if not await self._users.add_first(user):
            return None
        return InitialAdministrator(USER_ID, "" if password else chosen)
