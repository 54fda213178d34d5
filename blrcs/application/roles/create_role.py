"""Creating a role."""

from blrcs.application.access.change_policy import change_policy
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.roles.role_fields import UPDATABLE, RoleFields
from blrcs.domain.access_name import role_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.role import Role


class CreateRole:
    """Creates a role, in force at once."""

    def __init__(self, *, rules: AccessRules, secrets: SecretGenerator, clock: Clock) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock

    async def __call__(
        self, role_id: str, fields: RoleFields, *, home: str, actor: Actor | None
    ) -> Role:
        """The role created, under a made-up id if none is given.

        ``home`` is the tenant that owns it; empty for none.

        Raises:
            PermissionDeniedError: The actor does not hold itself what it would give.
            AlreadyExistsError: The id is taken.
            FailedPreconditionError: The id is a built-in role's, it would include itself, or the
                tenant has too many; see ``require_share``.
            NotFoundError: It includes a role that does not exist.
        """
        now_ns = self._clock()
        made = Role(
            name=role_name(role_id or self._secrets.resource_id(), home),
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            **fields.chosen(UPDATABLE),  # type: ignore[arg-type]
        )

        def operation(policy: AccessPolicy) -> AccessPolicy:
            policy.refuse_taken(made)
            change = PolicyChange(roles=(made,))
            return change_policy(policy, change, parent=home, actor=actor, now_ns=now_ns)

        await self._rules.change(delegated(operation, actor, now_ns))
        return made
