"""What who administers a tenant is told of the roles and groups that none owns.

What it may not know of is as unknown as what is nowhere: no name can be found out by trying. Known
are built-in roles, what it may read, groups that it is in, and what the tenant's own bindings and
roles name already.
"""

from blrcs.application.bindings.parent import is_within
from blrcs.domain.access_name import home_of, is_group, owned_by
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.delegation import Actor, holding, names_of
from blrcs.domain.errors import NotFoundError
from blrcs.domain.role import Role

READ_ROLE, READ_GROUP = "blrcs.roles.get", "blrcs.groups.get"


def require_known(
    policy: AccessPolicy, changed: Role | Binding, parent: str, actor: Actor | None, now_ns: int
) -> None:
    """Raises NotFoundError for a role or group that it names, and that its actor may not know of.

    Args:
        policy: As it is before the change.
        changed: What is to be in it.
        parent: What the actor administers; who administers the root knows everything.
        actor: Who makes the change; None is the program itself.
        now_ns: The time that counts.
    """
    if not parent or actor is None:
        return
    holds = holding(actor, policy, now_ns)
    bindings = [each for each in policy.bindings.values() if is_within(each, parent)]
    if isinstance(changed, Binding):
        seen = names_of(policy, actor).union(*(each.members for each in bindings))
        for name in filter(is_group, changed.members):
            if not (home_of(name) or name in seen or holds(READ_GROUP, name)):
                raise NotFoundError(name)
    own = owned_by(home_of(parent), policy.roles).values()
    seen = {each.role for each in bindings}.union(*(each.included_roles for each in own))
    for name in (changed.role,) if isinstance(changed, Binding) else changed.included_roles:
        if not (home_of(name) or name in BUILTIN_ROLES or name in seen or holds(READ_ROLE, name)):
            raise NotFoundError(name)
