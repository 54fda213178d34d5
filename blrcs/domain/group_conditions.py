"""Bindings whose conditions ask which groups a principal is in."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

from blrcs.domain.access_closure import resources_meet
from blrcs.domain.access_name import home_of
from blrcs.domain.binding import Binding
from blrcs.domain.condition.condition import read_condition
from blrcs.domain.condition.syntax import Expression, Literal, Operation, Select, Variable

ALL_GROUPS = Variable("principal.groups")
KEPT = 4096


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a condition asks about groups.

    Attributes:
        literals: Every text that is written out.
        wanted: The groups that it asks for one by one, as in ``'groups/a' in principal.groups``.
        any: It asks for the list in some other way, so that every group may count.
    """

    literals: frozenset[str]
    wanted: frozenset[str]
    any: bool


def asks_about(binding: Binding, group: str) -> bool:
    """Whether a group's members may decide whether the binding counts, somewhere on its resource.

    A tenant's group is known to the conditions that are judged in that tenant.
    """
    asked = _asked_where(binding, group)
    return asked is not None and (asked.any or group in asked.wanted)


def writes_out(binding: Binding, group: str) -> bool:
    """Whether the condition names the group, where it is known."""
    asked = _asked_where(binding, group)
    return asked is not None and group in asked.literals


def _asked_where(binding: Binding, group: str) -> _Asked | None:
    # "groups" can be spelled in one way only, and most conditions do not: they are not read.
    if binding.condition is None or "groups" not in binding.condition.expression:
        return None
    home = home_of(group)
    if home and not resources_meet(binding.resource, home):
        return None
    asked = _read(binding.condition.expression)
    return asked if asked.any or asked.wanted else None


@lru_cache(KEPT)
def _read(expression: str) -> _Asked:
    parts = list(_parts(read_condition(expression)))
    wanted = [
        sought.value
        for sought in (each.operands[0] for each in parts if _is_lookup(each))
        if isinstance(sought, Literal)
    ]
    literals = (each.value for each in parts if isinstance(each, Literal))
    return _Asked(
        frozenset(each for each in literals if isinstance(each, str)),
        frozenset(each for each in wanted if isinstance(each, str)),
        parts.count(ALL_GROUPS) > len(wanted),
    )


def _is_lookup(part: Expression) -> TypeGuard[Operation]:
    return isinstance(part, Operation) and part.name == "in" and part.operands[1] == ALL_GROUPS


def _parts(expression: Expression) -> Iterator[Expression]:
    """All that it is made of, itself first."""
    yield expression
    match expression:
        case Select(operand):
            yield from _parts(operand)
        case Operation(_, operands):
            for each in operands:
                yield from _parts(each)
