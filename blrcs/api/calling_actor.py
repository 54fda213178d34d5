"""Who changes the access policy by a call."""

from collections.abc import Callable

from blrcs.domain.delegation import Actor
from blrcs.domain.errors import PermissionDeniedError
from blrcs_native.calls.call import Call

ActorOf = Callable[[Call], Actor | None]
"""None is the program itself, which nothing limits."""


def calling_actor(call: Call) -> Actor:
    """The call's principal; PermissionDeniedError where there is none."""
    principal = call.principal
    if principal is None:
        raise PermissionDeniedError("PERMISSION_DENIED", "nobody is known to have called")
    return Actor(principal.name, principal.groups, principal.scope)
