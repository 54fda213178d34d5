"""Getting a role."""

from blrcs.application.ports.access import RoleReader
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.errors import NotFoundError
from blrcs.domain.role import Role, role_name


class GetRole:
    """Gets a role by id, built-in ones too."""

    def __init__(self, *, roles: RoleReader) -> None:
        self._roles = roles

    async def __call__(self, role_id: str) -> Role:
        """The role; NotFoundError if there is none."""
        role = BUILTIN_ROLES.get(role_id) or await self._roles.get(role_id)
        if role is None:
            raise NotFoundError(role_name(role_id))
        return role
