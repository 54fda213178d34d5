"""What must hold between the roles, groups and bindings of a policy after a change of it."""

from collections.abc import Iterable, Mapping

from blrcs.domain.access_closure import Rules, administrators
from blrcs.domain.access_name import home_of, is_group, owned_by
from blrcs.domain.errors import FailedPreconditionError, NotFoundError
from blrcs.domain.group_conditions import writes_out
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.role import Role
from blrcs.domain.tenant_border import check_border

MAX_NESTING = 8
MAX_ROLE_LEVELS = 8
"""Of the root's roles, and of each tenant's own on top of them."""
MAX_CONDITIONAL = 1000
"""Bindings with conditions on the root, and in each tenant: one decision judges each only once."""
FOR_EVER_NS = 2**63 - 1  # no expiry is later


def check_change(before: Rules, after: Rules, change: PolicyChange, now_ns: int) -> None:
    """Refuses what ``AccessPolicy.changed`` does, but for etags and built-in roles."""
    _check_deleted(before, after, change)
    for each in change.put:
        check_border(each)
    _check_roles(before, after, change)
    _check_groups(after, change)
    _check_bindings(after, change)
    _keep_administrator(before, after, change, now_ns)


def _check_deleted(before: Rules, after: Rules, change: PolicyChange) -> None:
    gone = [name for name in change.deleted if name not in before.bindings]
    if not gone:
        return
    used: dict[str, str] = {}
    for role in after.all_roles.values():
        used |= dict.fromkeys(role.included_roles, role.name)
    for group in after.groups.values():
        used |= dict.fromkeys(group.members, group.name)
    for binding in after.bindings.values():
        used |= dict.fromkeys(binding.members, binding.name)
    used |= {each.role: each.name for each in after.bindings.values()}
    for name in gone:
        user = used.get(name) or _condition_naming(after, name)
        if user:
            kind = "GROUP" if name in before.groups else "ROLE"
            raise FailedPreconditionError(
                f"{kind}_IN_USE", f"{name} is used by {user}", metadata={"user": user}
            )


def _condition_naming(rules: Rules, name: str) -> str | None:
    naming = (each.name for each in rules.bindings.values() if writes_out(each, name))
    return next(naming, None) if is_group(name) else None


def _check_roles(before: Rules, after: Rules, change: PolicyChange) -> None:
    if not change.roles:
        return
    known = after.all_roles
    for role in change.roles:
        _require(role.included_roles, known)
    below = {name: each.included_roles for name, each in known.items()}
    for role in change.roles:
        if _reaches(role.name, below):
            raise FailedPreconditionError("ROLE_CYCLE", f"{role.name} would include itself")
    # Each place by itself: what a tenant has made of the root's roles keeps none of these from
    # being changed.
    for home in {home_of(role.name): None for role in change.roles}:
        if _levels(known, home) > max(MAX_ROLE_LEVELS, _levels(before.all_roles, home)):
            raise FailedPreconditionError(
                "ROLE_TOO_DEEP", f"roles of one place include each other {MAX_ROLE_LEVELS} deep"
            )


def _check_groups(after: Rules, change: PolicyChange) -> None:
    for home in {home_of(group.name): None for group in change.groups}:
        own = owned_by(home, after.groups)
        below = {name: tuple(filter(is_group, each.members)) for name, each in own.items()}
        put = [each for each in change.groups if home_of(each.name) == home]
        for group in put:
            _require(below[group.name], own)
        for group in put:
            if _reaches(group.name, below):
                raise FailedPreconditionError("GROUP_CYCLE", f"{group.name} would contain itself")
        if _depth(below) > MAX_NESTING:
            raise FailedPreconditionError(
                "GROUP_TOO_DEEP", f"groups nest at most {MAX_NESTING} deep"
            )


def _check_bindings(after: Rules, change: PolicyChange) -> None:
    for binding in change.bindings:
        _require([binding.role], after.all_roles)
        _require(filter(is_group, binding.members), after.groups)
    conditional = {home_of(each.resource) for each in change.bindings if each.condition is not None}
    if not conditional:
        return
    counts = dict.fromkeys(conditional, 0)
    for each in after.bindings.values():
        home = home_of(each.resource)
        if each.condition is not None and home in counts:
            counts[home] += 1
    if max(counts.values()) > MAX_CONDITIONAL:
        raise FailedPreconditionError(
            "TOO_MANY_CONDITIONS",
            f"at most {MAX_CONDITIONAL} bindings have conditions in one place",
        )


def _keep_administrator(before: Rules, after: Rules, change: PolicyChange, now_ns: int) -> None:
    """Refuses to take the last user who administers now, or for good.

    A binding that expires does not stand in for one that does not: it would only delay the day
    on which nobody is left. What lies in tenants makes nobody administrator.
    """
    replaced = [before.bindings.get(name) for name in change.deleted]
    replaced += [before.bindings.get(each.name) for each in change.bindings]
    places = [each.resource for each in (*change.bindings, *replaced) if each is not None]
    places += [*(role.name for role in change.roles), *(group.name for group in change.groups)]
    if all(map(home_of, places)):
        return
    for at_ns in dict.fromkeys((now_ns, FOR_EVER_NS)):
        if administrators(before, at_ns) and not administrators(after, at_ns):
            raise last_administrator()


def last_administrator() -> FailedPreconditionError:
    """The refusal of what would leave nobody who administers everything."""
    return FailedPreconditionError(
        "LAST_ADMINISTRATOR", "no user would be left with roles/administrator on the root"
    )


def _require(names: Iterable[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            raise NotFoundError(name)


def _reaches(start: str, below: Mapping[str, Iterable[str]]) -> bool:
    """Whether a way down from ``start`` leads back to it."""
    seen: set[str] = set()
    waiting = list(below.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(below.get(name, ()))
    return False


def _levels(roles: Mapping[str, Role], home: str) -> int:
    """How deep the roles of one home include each other."""
    own = owned_by(home, roles)
    return _depth(
        {name: [each for each in role.included_roles if each in own] for name, role in own.items()}
    )


def _depth(below: Mapping[str, Iterable[str]]) -> int:
    """How many names the longest way down has; no way may lead back to where it was."""
    known: dict[str, int] = {}  # or a few groups, each in all above, would take exponential time
    waiting = list(below)
    while waiting:
        name = waiting[-1]
        unknown = [each for each in below.get(name, ()) if each not in known]
        if unknown and name not in known:
            waiting.extend(unknown)
            continue
        known[name] = 1 + max((known[each] for each in below.get(name, ())), default=0)
        waiting.pop()
    return max(known.values(), default=0)
