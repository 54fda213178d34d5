"""Who holds a permission on a resource, and by what."""

from collections.abc import Iterator
from dataclasses import dataclass

from blrcs.domain.access_closure import (
    ALL_USERS,
    EVERYBODY,
    Rules,
    members_of,
    pattern_covers,
    patterns_of,
)
from blrcs.domain.access_name import is_group
from blrcs.domain.binding import Binding


@dataclass(frozen=True, slots=True)
class HeldBy:
    """A binding that grants, and the member of it by which the principal is meant."""

    binding: Binding
    member: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A principal that may hold the permission, or all of them (``allUsers`` and the like).

    Attributes:
        held_by: The bindings that grant it, by name.
        conditional: It depends on the call: all that grants has a condition, what is granted to
            all principals too, or something that denies has.
        excepted: Of all principals, those that are denied it.
    """

    principal: str
    held_by: tuple[HeldBy, ...]
    conditional: bool
    excepted: tuple[str, ...] = ()


def who_can(rules: Rules, permission: str, resource: str, now_ns: int) -> list[Holder]:
    """Everybody that some call may be permitted to, by name; who owns the resource is not asked.

    What is said of a principal by name is so whatever is said of all. One to whom only what is
    granted to all grants it is named where a denial with a condition means it.
    """
    held: dict[str, list[HeldBy]] = {}
    denied: set[str] = set()
    perhaps_denied: set[str] = set()
    for binding in _concerned(rules, permission, resource, now_ns):
        if binding.denies:
            names = perhaps_denied if binding.condition is not None else denied
            names |= members_of(rules, binding.members)
            continue
        for name, member in _principals(rules, binding):
            held.setdefault(name, []).append(HeldBy(binding, member))
    of_all = [each for name in sorted(EVERYBODY) for each in held.get(name, ())]
    for name in _principals_in(perhaps_denied) if of_all else ():
        held.setdefault(name, of_all)
    return [
        Holder(
            name,
            tuple(held[name]),
            all(each.binding.condition is not None for each in _granting(name, held))
            or _among(name, perhaps_denied),
            _principals_in(denied) if name in EVERYBODY else (),
        )
        for name in sorted(held)
        if not _among(name, denied)
    ]


def _concerned(rules: Rules, permission: str, resource: str, now_ns: int) -> Iterator[Binding]:
    """The bindings about the permission on the resource that have not expired, by name."""
    for name in sorted(rules.bindings):
        binding = rules.bindings[name]
        if (
            binding.counts_at(now_ns)
            and binding.covers(resource)
            and any(
                pattern_covers(pattern, permission) for pattern in patterns_of(rules, binding.role)
            )
        ):
            yield binding


def _principals(rules: Rules, binding: Binding) -> Iterator[tuple[str, str]]:
    """Each principal that a binding means, once, and the first of its members that does."""
    seen: set[str] = set()
    for member in binding.members:
        for name in sorted(members_of(rules, [member]) - seen):
            if not is_group(name):
                yield name, member
        seen |= members_of(rules, [member])


def _granting(name: str, held: dict[str, list[HeldBy]]) -> Iterator[HeldBy]:
    """What grants it to a principal, what is granted to all that it is among too."""
    for each in {name} if name == ALL_USERS else {name, *EVERYBODY}:
        yield from held.get(each, ())


def _principals_in(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(each for each in names - EVERYBODY if not is_group(each)))


def _among(name: str, names: set[str]) -> bool:
    """Whether a denial of these means the principal."""
    if name == ALL_USERS:
        return ALL_USERS in names
    return name in names or not names.isdisjoint(EVERYBODY)
