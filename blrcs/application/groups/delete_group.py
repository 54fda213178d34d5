"""Deleting a group."""

from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.domain.delegation import Actor, delegated


class DeleteGroup:
    """Deletes a group."""

    def __init__(self, *, rules: AccessRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(self, name: str, *, etag: str, actor: Actor | None) -> None:
        """Deletes it.

        Raises:
            PermissionDeniedError: The actor does not hold itself what conditions would give others.
            FailedPreconditionError: A binding, or its condition, or another group names it.
            NotFoundError: There is none of the name.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        await self._rules.change(
            delegated(lambda policy: policy.without(name, etag), actor, self._clock())
        )
