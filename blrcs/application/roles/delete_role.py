"""Deleting a role."""

from blrcs.application.ports.access import AccessRules


class DeleteRole:
    """Deletes a role."""

    def __init__(self, *, rules: AccessRules) -> None:
        self._rules = rules

    async def __call__(self, name: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: It is built in, bound, or included in another role.
            NotFoundError: There is none of the name.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        await self._rules.change(lambda policy: policy.without(name, etag))
