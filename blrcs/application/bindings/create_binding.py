"""Creating a binding."""

from blrcs.application.access.change_policy import change_policy
from blrcs.application.bindings.binding_fields import UPDATABLE, BindingFields
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.domain.access_name import binding_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.policy_change import PolicyChange


class CreateBinding:
    """Creates a binding, in force at once."""

    def __init__(self, *, rules: AccessRules, secrets: SecretGenerator, clock: Clock) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock

    async def __call__(
        self, binding_id: str, fields: BindingFields, *, parent: str, actor: Actor | None
    ) -> Binding:
        """The binding created, under a made-up id if none is given.

        ``parent`` is the resource that the actor administers; the binding is for it, or below it.

        Raises:
            PermissionDeniedError: The actor does not hold itself what it would give.
            FailedPreconditionError: See ``change_policy``.
            AlreadyExistsError: The id is taken.
            InvalidArgumentError: It has no role, no members, or no valid resource.
            NotFoundError: Its role, or a group among its members, does not exist; or see
                ``change_policy``.
        """
        now_ns = self._clock()
        made = Binding(
            name=binding_name(binding_id or self._secrets.resource_id()),
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            **fields.chosen(UPDATABLE),  # type: ignore[arg-type]
        )

        def operation(policy: AccessPolicy) -> AccessPolicy:
            policy.refuse_taken(made)
            change = PolicyChange(bindings=(made,))
            return change_policy(policy, change, parent=parent, actor=actor, now_ns=now_ns)

        await self._rules.change(delegated(operation, actor, now_ns))
        return made
