"""Deleting a group."""

from blrcs.application.access.stored_item import stored_item
from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.domain.access_references import refuse_group_in_use
from blrcs.domain.group import group_name


class DeleteGroup:
    """Deletes a group that nothing refers to."""

    def __init__(self, *, access: AccessChanges) -> None:
        self._access = access

    async def __call__(self, group_id: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: It is a member of a binding or of another group.
            NotFoundError: There is no such group.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        name = group_name(group_id)

        def operation(access: AccessTransaction) -> None:
            stored_item(access.groups, group_id, name=name, etag=etag)
            refuse_group_in_use(name, access.groups.all(), access.bindings.all())
            access.groups.remove(group_id)

        await self._access.change(operation)
