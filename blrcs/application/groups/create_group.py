"""Creating a group."""

from blrcs.application.access.change_policy import change_policy
from blrcs.application.groups.group_fields import UPDATABLE, GroupFields
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.domain.access_name import group_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.group import Group
from blrcs.domain.policy_change import PolicyChange


class CreateGroup:
    """Creates a group, in force at once."""

    def __init__(self, *, rules: AccessRules, secrets: SecretGenerator, clock: Clock) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock

    async def __call__(
        self, group_id: str, fields: GroupFields, *, home: str, actor: Actor | None
    ) -> Group:
        """The group created, under a made-up id if none is given.

        ``home`` is the tenant that owns it; empty for none.

        Raises:
            PermissionDeniedError: The actor does not hold itself what it would give.
            AlreadyExistsError: The id is taken.
            FailedPreconditionError: It would contain itself, groups would nest too deeply, or the
                tenant has too many; see ``require_share``.
            NotFoundError: It contains a group that does not exist.
        """
        now_ns = self._clock()
        made = Group(
            name=group_name(group_id or self._secrets.resource_id(), home),
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            **fields.chosen(UPDATABLE),  # type: ignore[arg-type]
        )

        def operation(policy: AccessPolicy) -> AccessPolicy:
            policy.refuse_taken(made)
            change = PolicyChange(groups=(made,))
            return change_policy(policy, change, parent=home, actor=actor, now_ns=now_ns)

        await self._rules.change(delegated(operation, actor, now_ns))
        return made
