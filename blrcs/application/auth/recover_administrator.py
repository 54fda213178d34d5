"""A way back in for who has the database, where nobody can administer any more."""

from dataclasses import dataclass, field, replace

from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, SecretGenerator
from blrcs.application.ports.identity import UserChange, UserRepository
from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.access_closure import (
    EVERYBODY,
    denials,
    granted_administrators,
    members_of,
)
from blrcs.domain.access_name import binding_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import ADMINISTRATOR
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.identity_name import user_name
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.policy_rules import FOR_EVER_NS
from blrcs.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredAdministrator:
    """What was done.

    Attributes:
        password: The one made up, to show once.
        created: There was no such user.
        enabled: The user was disabled.
        binding: The binding that was made; empty where the user was bound already.
        removed: The bindings taken away that denied the user what mends bindings.
    """

    password: str = field(repr=False)
    created: bool
    enabled: bool
    binding: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Grant:
    policy: AccessPolicy
    binding: str = ""
    removed: tuple[str, ...] = ()


class RecoverAdministrator:
    """Makes a user administrator by a new password alone, whatever kept it from being that."""

    def __init__(
        self,
        *,
        users: UserRepository,
        second_factors: SecondFactorRepository,
        rules: AccessRules,
        hasher: PasswordHasher,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._users = users
        self._second_factors = second_factors
        self._rules = rules
        self._hasher = hasher
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, user_id: str, *, remove_denials: bool) -> RecoveredAdministrator:
        """Binds, creates or enables the user; ends its sessions, and removes its second factors.

        The password has to be changed at the first sign-in. What was done when it is stopped in
        between stays; done again, all of it is.

        Raises:
            FailedPreconditionError: Bindings deny the user what mends bindings, and are not to be
                removed; nothing was done.
        """
        password = self._secrets.one_time_password()
        password_hash = await self._hasher.hash(password)
        granted = await self._grant(user_name(user_id), remove_denials=remove_denials)
        stored = await self._users.get(user_id)
        now_ns = self._clock()
        if stored is None:
            await self._users.add(User.administrator(user_id, password_hash, now_ns=now_ns))
        else:

            def change(user: User) -> UserChange:
                changed = user.with_password(password_hash, now_ns=now_ns, by_owner=False)
                return UserChange(replace(changed, disabled=False), ends_sessions=True)

            await self._users.update(user_id, change)
            await self._second_factors.reset(user_id)
        return RecoveredAdministrator(
            password=password,
            created=stored is None,
            enabled=stored is not None and stored.disabled,
            binding=granted.binding,
            removed=granted.removed,
        )

    async def _grant(self, user: str, *, remove_denials: bool) -> _Grant:
        now_ns = self._clock()
        spare_id = self._secrets.resource_id()
        made: list[_Grant] = []

        def operation(policy: AccessPolicy) -> AccessPolicy:
            # The transaction may be tried again: the last time counts.
            made[:] = [_granting(policy, user, now_ns, spare_id)]
            (granted,) = made
            if granted.removed and not remove_denials:
                raise FailedPreconditionError(
                    "ADMINISTRATOR_DENIED",
                    f"{user} is denied what mends bindings by {', '.join(granted.removed)}",
                )
            return granted.policy

        await self._rules.change(operation)
        return made[0]


def _granting(policy: AccessPolicy, user: str, now_ns: int, spare_id: str) -> _Grant:
    """The policy in which the user administers, for good and undenied."""
    concerned = {user, *EVERYBODY}
    removed = tuple(
        sorted(
            each.name
            for each in denials(policy, now_ns)
            if concerned & members_of(policy, each.members)
        )
    )
    bindings: tuple[Binding, ...] = ()
    if user not in granted_administrators(policy, FOR_EVER_NS):
        # One of that name may be anything by now, and is left as it is.
        name = binding_name("administrator")
        if name in policy.bindings:
            name = binding_name(spare_id)
        bindings = (
            Binding(
                name=name,
                role=ADMINISTRATOR,
                members=(user,),
                create_time_ns=now_ns,
                update_time_ns=now_ns,
            ),
        )
    if not bindings and not removed:
        return _Grant(policy)
    change = PolicyChange(bindings=bindings, deleted=removed)
    made = bindings[0].name if bindings else ""
    return _Grant(policy.changed(change, now_ns=now_ns), made, removed)
