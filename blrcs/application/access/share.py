"""How much of the access policy a tenant may take up.

Every worker holds the whole policy, and one decision may have to judge all its conditions. So a
tenant has a share of it, and no other tenant nor the root waits for, or is kept from, what it does
with that.
"""

from blrcs.application.bindings.parent import is_within
from blrcs.domain.access_name import owned_by
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.errors import FailedPreconditionError

MAX_BINDINGS = 1000
MAX_MEMBERS = 10_000
"""Of all the bindings together."""
MAX_CONDITIONAL = 100
MAX_ROLES = 200
MAX_PERMISSIONS = 10_000
"""Of all the tenant's own roles together, with the names of roles that they include."""
MAX_GROUPS = 500
MAX_GROUP_MEMBERS = 20_000
"""Of all the tenant's own groups together."""


def require_share(old: AccessPolicy, new: AccessPolicy, parent: str) -> None:
    """Raises FailedPreconditionError where a change makes a tenant take more than its share.

    The tenant is that of ``parent``: the one that owns what is changed, or that of the resource
    which is administered by who makes the change. The root has no bound of its own, and what takes
    less than before is not refused.
    """
    if not parent:
        return
    tenant = "/".join(parent.split("/")[:2])
    before, after = (_taken(each, tenant) for each in (old, new))
    bounds = {
        "TOO_MANY_BINDINGS": (MAX_BINDINGS, "bindings"),
        "TOO_MANY_MEMBERS": (MAX_MEMBERS, "members of bindings"),
        "TOO_MANY_CONDITIONS": (MAX_CONDITIONAL, "bindings with conditions"),
        "TOO_MANY_ROLES": (MAX_ROLES, "roles"),
        "TOO_MANY_PERMISSIONS": (MAX_PERMISSIONS, "permissions in roles"),
        "TOO_MANY_GROUPS": (MAX_GROUPS, "groups"),
        "TOO_MANY_GROUP_MEMBERS": (MAX_GROUP_MEMBERS, "members of groups"),
    }
    for had, has, (reason, (most, things)) in zip(before, after, bounds.items(), strict=True):
        if has > max(most, had):
            raise FailedPreconditionError(reason, f"{tenant} has at most {most} {things}")


def _taken(policy: AccessPolicy, tenant: str) -> tuple[int, ...]:
    """How much there is of each, in the order of the bounds."""
    bindings = [each for each in policy.bindings.values() if is_within(each, tenant)]
    roles = owned_by(tenant, policy.roles).values()
    groups = owned_by(tenant, policy.groups).values()
    return (
        len(bindings),
        sum(len(each.members) for each in bindings),
        sum(each.condition is not None for each in bindings),
        len(roles),
        sum(len(each.permissions) + len(each.included_roles) for each in roles),
        len(groups),
        sum(len(each.members) for each in groups),
    )
