"""Deleting a group."""

from blrcs.application.ports.access import AccessRules


class DeleteGroup:
    """Deletes a group."""

    def __init__(self, *, rules: AccessRules) -> None:
        self._rules = rules

    async def __call__(self, name: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: A binding or another group names it.
            NotFoundError: There is none of the name.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        await self._rules.change(lambda policy: policy.without_group(name, etag))
