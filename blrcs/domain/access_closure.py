"""What roles, groups and bindings come to, once all that they name is followed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import ADMINISTRATOR
from blrcs.domain.group import Group
from blrcs.domain.identity_name import is_user_name
from blrcs.domain.role import Role

ALL_USERS = "allUsers"
ALL_AUTHENTICATED = "allAuthenticated"
EVERYBODY = frozenset({ALL_USERS, ALL_AUTHENTICATED})
BINDINGS = "bindings"

REPAIRS = tuple(f"blrcs.bindings.{verb}" for verb in ("list", "get", "create", "update", "delete"))
"""What an administrator needs, to undo what others did."""


class Rules(Protocol):
    """Roles, groups and bindings, by name."""

    @property
    def all_roles(self) -> Mapping[str, Role]:
        """The built-in ones too."""
        ...

    @property
    def groups(self) -> Mapping[str, Group]:
        """All."""
        ...

    @property
    def bindings(self) -> Mapping[str, Binding]:
        """All."""
        ...


def patterns_of(rules: Rules, role: str) -> frozenset[str]:
    """What a role grants, over what it includes."""
    known = rules.all_roles
    return frozenset(
        pattern
        for name in _reached([role], lambda each: _included(known, each))
        if name in known
        for pattern in known[name].permissions
    )


def members_of(rules: Rules, members: Iterable[str]) -> frozenset[str]:
    """The members, and those of the groups among them: principals and groups."""
    groups = rules.groups
    return frozenset(_reached(members, lambda each: _members(groups, each)))


def pattern_covers(pattern: str, other: str) -> bool:
    """Whether all that ``other`` stands for, ``pattern`` stands for too."""
    if pattern in {other, "*"}:
        return True
    return pattern.endswith(".*") and other.startswith(pattern[:-1])


def patterns_meet(one: str, other: str) -> bool:
    """Whether some permission is among what both stand for."""
    return pattern_covers(one, other) or pattern_covers(other, one)


def resources_meet(one: str, other: str) -> bool:
    """Whether one resource is the other, or lies below or above it."""
    if not one or not other:
        return True
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def has_administrator(rules: Rules, at_ns: int) -> bool:
    """Whether some user then administers everything, and nothing may keep it from mending bindings.

    A binding with a condition is none that one can count on, and one that denies.
    """
    users: set[str] = set()
    denied: set[str] = set()
    for binding in rules.bindings.values():
        if not binding.counts_at(at_ns):
            continue
        if binding.denies:
            if resources_meet(binding.resource, BINDINGS) and _denies_repairs(rules, binding):
                denied |= members_of(rules, binding.members)
        elif binding.role == ADMINISTRATOR and not binding.resource and binding.condition is None:
            users |= {each for each in members_of(rules, binding.members) if is_user_name(each)}
    return bool(users - denied) and not denied & EVERYBODY


def _denies_repairs(rules: Rules, binding: Binding) -> bool:
    patterns = patterns_of(rules, binding.role)
    return any(pattern_covers(pattern, repair) for pattern in patterns for repair in REPAIRS)


def _included(roles: Mapping[str, Role], name: str) -> Iterable[str]:
    return roles[name].included_roles if name in roles else ()


def _members(groups: Mapping[str, Group], name: str) -> Iterable[str]:
    return groups[name].members if name in groups else ()


def _reached(names: Iterable[str], below: Callable[[str], Iterable[str]]) -> set[str]:
    """The names, and all that lies below them, on any way."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(below(name))
    return seen
