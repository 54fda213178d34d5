"""Creating a role."""

from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.roles.role_fields import RoleFields
from blrcs.domain.access_references import check_included_roles
from blrcs.domain.builtin_roles import refuse_builtin
from blrcs.domain.role import Role


class CreateRole:
    """Creates a role."""

    def __init__(self, *, access: AccessChanges, secrets: SecretGenerator, clock: Clock) -> None:
        self._access = access
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, role_id: str, fields: RoleFields) -> Role:
        """The role created, under a made-up id if none is given.

        Raises:
            FailedPreconditionError: The id is a built-in role's; or an included role does not
                exist, or leads back here or too deep.
            AlreadyExistsError: The id is taken.
        """
        refuse_builtin(role_id)
        now_ns = self._clock()
        role = Role(
            id=role_id or self._secrets.resource_id(),
            display_name=fields.display_name,
            permissions=fields.permissions,
            included_roles=fields.included_roles,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )

        def operation(access: AccessTransaction) -> None:
            access.roles.add(role)
            check_included_roles(role, access.roles.all())

        await self._access.change(operation)
        return role
