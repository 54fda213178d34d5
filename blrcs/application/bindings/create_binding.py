"""Creating a binding."""

from blrcs.application.bindings.binding_fields import BindingFields
from blrcs.application.ports.access import AccessChanges, AccessTransaction, ResourceRule
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.domain.access_references import check_bound
from blrcs.domain.binding import Binding


class CreateBinding:
    """Gives a role to members on a resource."""

    def __init__(
        self,
        *,
        access: AccessChanges,
        resource_rule: ResourceRule,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._access = access
        self._resource_rule = resource_rule
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, binding_id: str, fields: BindingFields) -> Binding:
        """The binding created, under a made-up id if none is given.

        Raises:
            InvalidArgumentError: The role or the members are missing, or the resource is no name.
            FailedPreconditionError: The role, or a group among the members, does not exist.
            AlreadyExistsError: The id is taken.
        """
        fields.check_resource(self._resource_rule)
        now_ns = self._clock()
        binding = Binding(
            id=binding_id or self._secrets.resource_id(),
            role=fields.role,
            members=fields.members,
            resource=fields.resource,
            expire_time_ns=fields.expire_time_ns,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )
        binding.check()

        def operation(access: AccessTransaction) -> None:
            access.bindings.add(binding)
            check_bound(binding, access.roles.all(), access.groups.all())

        await self._access.change(operation)
        return binding
