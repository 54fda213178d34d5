"""How much of the access policy who administers a part of it may take up.

Every worker holds the whole policy and reads it anew at each change, and one decision may have to
judge all its conditions. So who administers one tenant has a share of it, and no other tenant nor
the root waits for, or is kept from, what it does with that.
"""

from collections.abc import Iterable

from blrcs.application.bindings.parent import is_within
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.errors import FailedPreconditionError

MAX_BINDINGS = 1000
MAX_MEMBERS = 10_000
"""Of all the bindings together."""
MAX_CONDITIONAL = 100


def require_share(old: AccessPolicy, new: AccessPolicy, parent: str) -> None:
    """Raises FailedPreconditionError where a change makes a tenant's bindings more than its share.

    The tenant is that of ``parent``, the resource that the one who makes the change administers.
    The root has no bound of its own, and what takes less than before is not refused.
    """
    if not parent:
        return
    tenant = "/".join(parent.split("/")[:2])
    before, after = (_taken(each.bindings.values(), tenant) for each in (old, new))
    bounds = {
        "TOO_MANY_BINDINGS": (MAX_BINDINGS, "bindings"),
        "TOO_MANY_MEMBERS": (MAX_MEMBERS, "members of bindings"),
        "TOO_MANY_CONDITIONS": (MAX_CONDITIONAL, "bindings with conditions"),
    }
    for had, has, (reason, (most, things)) in zip(before, after, bounds.items(), strict=True):
        if has > max(most, had):
            raise FailedPreconditionError(reason, f"{tenant} has at most {most} {things}")


def _taken(bindings: Iterable[Binding], tenant: str) -> tuple[int, int, int]:
    """Bindings, their members, and bindings with conditions."""
    own = [each for each in bindings if is_within(each, tenant)]
    conditional = sum(each.condition is not None for each in own)
    return len(own), sum(len(each.members) for each in own), conditional
