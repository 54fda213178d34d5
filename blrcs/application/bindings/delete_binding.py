"""Deleting a binding."""

from blrcs.application.access.change_policy import change_policy
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.policy_change import PolicyChange


class DeleteBinding:
    """Deletes a binding."""

    def __init__(self, *, rules: AccessRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(self, name: str, *, etag: str, parent: str, actor: Actor | None) -> None:
        """Deletes it.

        ``parent`` is the resource that the actor administers; the binding is for it, or below it.

        Raises:
            PermissionDeniedError: The actor does not hold itself what it would give.
            FailedPreconditionError: Nobody would be left as administrator.
            NotFoundError: There is none of the name.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        now_ns = self._clock()

        def operation(policy: AccessPolicy) -> AccessPolicy:
            change = PolicyChange(deleted=(name,), etags={name: etag})
            return change_policy(policy, change, parent=parent, actor=actor, now_ns=now_ns)

        await self._rules.change(delegated(operation, actor, now_ns))
