"""What differs between two policies, one of which was made from the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from blrcs.domain.access_name import home_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.group_conditions import asks_about


def changed_names(old: Mapping[str, object], new: Mapping[str, object]) -> set[str]:
    """The names of what is there once only, or was replaced: compared is which objects they are."""
    if old is new:
        return set()
    return (old.keys() ^ new.keys()) | {
        name for name, each in new.items() if old.get(name, each) is not each
    }


def concerned(old: AccessPolicy, new: AccessPolicy) -> tuple[AccessPolicy, AccessPolicy]:
    """Both with those bindings alone that do not mean the same in both.

    These are the ones that differ, and those of which the role or a member differs, over whatever
    it includes or contains.
    """
    roles = changed_names(old.roles, new.roles)
    groups = changed_names(old.groups, new.groups)
    for policy in (old, new):
        roles |= _reaching(roles, {n: r.included_roles for n, r in policy.roles.items()})
        groups |= _reaching(groups, {n: g.members for n, g in policy.groups.items()})
    names = changed_names(old.bindings, new.bindings)
    if roles or groups:
        names |= {
            each.name
            for policy in (old, new)
            for each in policy.bindings.values()
            if each.role in roles or not groups.isdisjoint(each.members)
        }
    return _with_bindings(old, names), _with_bindings(new, names)


def judged_anew(old: AccessPolicy, new: AccessPolicy) -> Iterator[Binding]:
    """The bindings whose conditions ask for groups that have other members than before.

    Each on the part of its resource on which that counts, which is within the tenant for a group
    that one owns.
    """
    changed = {
        name
        for name in changed_names(old.groups, new.groups)
        if name not in old.groups
        or name not in new.groups
        or set(old.groups[name].members) != set(new.groups[name].members)
    }
    groups = set(changed)
    for policy in (old, new) if changed else ():
        groups |= _reaching(groups, {n: g.members for n, g in policy.groups.items()})
    for binding in {**old.bindings, **new.bindings}.values() if groups else ():
        for home in sorted({home_of(each) for each in groups if asks_about(binding, each)}):
            narrows = home and binding.covers(home)
            yield replace(binding, resource=home) if narrows else binding


def _with_bindings(policy: AccessPolicy, names: set[str]) -> AccessPolicy:
    kept = {name: policy.bindings[name] for name in sorted(names) if name in policy.bindings}
    return replace(policy, bindings=kept)


def _reaching(names: set[str], below: Mapping[str, Iterable[str]]) -> set[str]:
    """All that lead to one of the names, on any way."""
    found = set(names)
    waiting = bool(names)
    while waiting:
        more = {name for name, each in below.items() if not found.isdisjoint(each)} - found
        found |= more
        waiting = bool(more)
    return found
