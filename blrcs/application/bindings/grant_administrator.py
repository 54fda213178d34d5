"""Making the first administrator."""

from dataclasses import replace

from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.application.ports.clock import Clock
from blrcs.domain.administrators import makes_administrators
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import ADMINISTRATOR

BINDING_ID = "administrator"


class GrantAdministrator:
    """Implements the AdministratorGrant port with ``bindings/administrator``."""

    def __init__(self, *, access: AccessChanges, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    async def __call__(self, principal: str) -> None:
        """Returns when the principal is an administrator; granting again changes nothing.

        A binding of this name that makes nobody an administrator is replaced with its members: they
        were never meant to be one.
        """
        now_ns = self._clock()
        granted = Binding(
            id=BINDING_ID,
            role=ADMINISTRATOR.name,
            members=(principal,),
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )

        def operation(access: AccessTransaction) -> None:
            stored = access.bindings.get(BINDING_ID)
            if stored is None:
                access.bindings.add(granted)
            elif not makes_administrators(stored):
                access.bindings.replace(replace(granted, revision=stored.revision + 1))
            elif principal not in stored.members:
                access.bindings.replace(
                    replace(
                        stored,
                        members=(*stored.members, principal),
                        update_time_ns=now_ns,
                        revision=stored.revision + 1,
                    )
                )

        await self._access.change(operation)
