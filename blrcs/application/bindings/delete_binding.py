"""Deleting a binding."""

from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock


class DeleteBinding:
    """Deletes a binding."""

    def __init__(self, *, rules: AccessRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(self, name: str, *, etag: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: Nobody would be left as administrator.
            NotFoundError: There is none of the name.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        now_ns = self._clock()
        await self._rules.change(lambda policy: policy.without_binding(name, etag, now_ns=now_ns))
