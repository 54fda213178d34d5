"""Deleting a role."""

from blrcs.application.access.stored_item import stored_item
from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.domain.access_references import refuse_role_in_use
from blrcs.domain.builtin_roles import refuse_builtin
from blrcs.domain.role import role_name


class DeleteRole:
    """Deletes a role that nothing refers to."""

    def __init__(self, *, access: AccessChanges) -> None:
        self._access = access

    async def __call__(self, role_id: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: The role is built in, bound, or included by another.
            NotFoundError: There is no such role.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        refuse_builtin(role_id)
        name = role_name(role_id)

        def operation(access: AccessTransaction) -> None:
            stored_item(access.roles, role_id, name=name, etag=etag)
            refuse_role_in_use(name, access.roles.all(), access.bindings.all())
            access.roles.remove(role_id)

        await self._access.change(operation)
