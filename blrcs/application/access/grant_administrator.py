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
        """Adds the principal to ``bindings/administrator``; granting again changes nothing.

        The binding is made if it is missing. One of that name that binds another role, or
        elsewhere, or expires, is replaced with its members: what they had is not what this grants.
        """
        now_ns = self._clock()

        def operation(policy: AccessPolicy) -> AccessPolicy:
            bound = policy.bindings.get(BINDING)
            members = bound.members if bound is not None and _grants(bound) else ()
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


def _grants(binding: Binding) -> bool:
    """Whether its members are administrators, for good."""
    root_for_good = not binding.resource and binding.expire_time_ns is None
    always = binding.condition is None and not binding.denies
    return binding.role == ADMINISTRATOR and root_for_good and always
