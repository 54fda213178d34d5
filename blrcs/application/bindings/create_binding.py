"""Creating a binding."""

from blrcs.application.access.known import require_known
from blrcs.application.access.share import require_share
from blrcs.application.bindings.binding_fields import UPDATABLE, BindingFields
from blrcs.application.bindings.parent import require_within
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.domain.access_name import binding_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.resource_name import check_resource


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
            FailedPreconditionError: See ``require_share``.
            AlreadyExistsError: The id is taken.
            InvalidArgumentError: It has no role, no members, or no valid resource.
            NotFoundError: Its role, or a group among its members, does not exist; or see
                ``require_known``.
        """
        now_ns = self._clock()
        made = Binding(
            name=binding_name(binding_id or self._secrets.resource_id()),
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            **fields.chosen(UPDATABLE),  # type: ignore[arg-type]
        )
        made.check()
        check_resource(made.resource)
        require_within(made, parent)

        def operation(policy: AccessPolicy) -> AccessPolicy:
            policy.refuse_taken(made)
            require_known(policy, made, parent, actor, now_ns)
            changed = policy.with_binding(made, now_ns=now_ns)
            require_share(policy, changed, parent)
            return changed

        await self._rules.change(delegated(operation, actor, now_ns))
        return made
