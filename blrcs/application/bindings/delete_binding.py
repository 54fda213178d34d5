"""Deleting a binding."""

from blrcs.application.access.keep_administrator import keep_administrator
from blrcs.application.access.stored_item import stored_item
from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.domain.binding import binding_name


class DeleteBinding:
    """Takes a role from the members of a binding."""

    def __init__(self, *, access: AccessChanges) -> None:
        self._access = access

    async def __call__(self, binding_id: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: No administrator would be left.
            NotFoundError: There is no such binding.
            AbortedError: ``etag`` is not empty and not the stored one.
        """

        def operation(access: AccessTransaction) -> None:
            stored_item(access.bindings, binding_id, name=binding_name(binding_id), etag=etag)
            with keep_administrator(access):
                access.bindings.remove(binding_id)

        await self._access.change(operation)
