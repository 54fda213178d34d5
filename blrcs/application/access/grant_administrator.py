"""Making a principal administrator of a new installation."""

from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.domain.access_name import binding_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import ADMINISTRATOR

BINDING = binding_name("administrator")


class GrantAdministrator:
    """Binds the administrator role on the root. Implements AdministratorGrant."""

    def __init__(self, *, rules: AccessRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(self, principal: str) -> None:
        """Adds the principal to ``bindings/administrator``, which it makes if it is missing."""
        now_ns = self._clock()

        def operation(policy: AccessPolicy) -> AccessPolicy:
            bound = policy.bindings.get(BINDING)
            members = () if bound is None else bound.members
            if principal in members:
                return policy
            binding = Binding(
                name=BINDING,
                role=ADMINISTRATOR,
                members=(*members, principal),
                create_time_ns=now_ns if bound is None else bound.create_time_ns,
                update_time_ns=now_ns,
                revision=1 if bound is None else bound.revision + 1,
            )
            return policy.with_binding(binding, now_ns=now_ns)

        await self._rules.change(operation)
