"""What roles, groups and bindings come to, once all that they name is followed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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


def administrators(rules: Rules, at_ns: int) -> frozenset[str]:
    """The users who then administer everything, and whom nothing may keep from mending bindings."""
    denied: set[str] = set()
    for binding in denials(rules, at_ns):
        denied |= members_of(rules, binding.members)
    if denied & EVERYBODY:
        return frozenset()
    return granted_administrators(rules, at_ns) - denied


def granted_administrators(rules: Rules, at_ns: int) -> frozenset[str]:
    """The users who then administer everything, but for what is denied them.

    A binding with a condition is none that one can count on.
    """
    return frozenset(
        member
        for binding in rules.bindings.values()
        if binding.role == ADMINISTRATOR
        and not (binding.resource or binding.denies or binding.condition is not None)
        and binding.counts_at(at_ns)
        for member in members_of(rules, binding.members)
        if is_user_name(member)
    )


def denials(rules: Rules, at_ns: int) -> Iterator[Binding]:
    """The bindings that may then keep their members from mending bindings.

    One with a condition is counted: it may hold.
    """
    for binding in rules.bindings.values():
        if (
            binding.denies
            and binding.counts_at(at_ns)
            and resources_meet(binding.resource, BINDINGS)
            and _denies_repairs(rules, binding)
        ):
            yield binding


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
