"""Forgetting a principal that was deleted."""

from dataclasses import replace

from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.application.ports.clock import Clock


class ForgetPrincipal:
    """Implements the PrincipalForgetter port: a later namesake inherits nothing."""

    def __init__(self, *, access: AccessChanges, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    async def __call__(self, principal: str) -> None:
        """Takes the principal out of all groups and bindings; a binding without members goes.

        It never refuses, for the principal is gone already: not even for the last administrator.
        """
        now_ns = self._clock()

        def operation(access: AccessTransaction) -> None:
            for group in access.groups.all():
                if principal in group.members:
                    access.groups.replace(
                        replace(
                            group,
                            members=_without(principal, group.members),
                            update_time_ns=now_ns,
                            revision=group.revision + 1,
                        )
                    )
            for binding in access.bindings.all():
                if principal in binding.members:
                    members = _without(principal, binding.members)
                    if not members:
                        access.bindings.remove(binding.id)
                        continue
                    access.bindings.replace(
                        replace(
                            binding,
                            members=members,
                            update_time_ns=now_ns,
                            revision=binding.revision + 1,
                        )
                    )

        await self._access.change(operation)


def _without(principal: str, members: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(member for member in members if member != principal)
