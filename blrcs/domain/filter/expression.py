"""What a filter says, as a tree.

Trees are in one form for all texts that say the same: ``a != b`` is ``NOT a = b``, no negation is
negated again, and no conjunction stands in a conjunction. ``str`` of a tree is a text that is
parsed to the same tree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from blrcs.domain.filter.instant import Instant

WORD = re.compile(r"""[^\s"'()\[\]{}|;\\,.:=<>!*\x00-\x1f]+""")
"""What needs no quotes."""

_UNNAMEABLE = re.compile(r'\A-|["\\\x00-\x1f]')
_ESCAPED = re.compile(r'["\\*\x00-\x1f\x7f-\xa0\u2028\u2029]')


class Column(Enum):
    """What every record has beside its data."""

    NAME = "name"
    RECORD_ID = "record_id"
    CREATE_TIME = "create_time"
    UPDATE_TIME = "update_time"
    EXPIRE_TIME = "expire_time"

    @property
    def is_time(self) -> bool:
        """Whether it is an instant; the others are strings."""
        return self not in {Column.NAME, Column.RECORD_ID}

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Path:
    """A place in the data: the keys that lead there, none for all of it."""

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(["data", *map(_segment, self.segments)])


Field: TypeAlias = Column | Path


class Operator(Enum):
    """How a field is compared."""

    EQUAL = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    HAS = ":"


@dataclass(frozen=True, slots=True)
class Text:
    """A string; where it is compared for equality, perhaps the beginning or the end of one."""

    text: str
    any_before: bool = False
    any_after: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for more than one string."""
        return self.any_before or self.any_after

    @property
    def is_any(self) -> bool:
        """Whether it stands for every string."""
        return self.is_pattern and not self.text

    def __str__(self) -> str:
        stars = ("*" if self.any_before else "", "*" if self.any_after else "")
        return quoted(self.text).join(stars).join('""')


class Anything(Enum):
    """What ``field:*`` asks for."""

    ANYTHING = "*"


ANYTHING = Anything.ANYTHING
Operand: TypeAlias = Text | float | bool | Instant | Anything | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, and what it is compared with."""

    field: Field
    operator: Operator
    operand: Operand

    def __str__(self) -> str:
        return f"{self.field} {self.operator.value} {_operand(self.operand)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of several."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " AND ".join(_within(each, And) for each in self.operands)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of several. It binds closer than AND."""

    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return " OR ".join(_within(each, And, Or) for each in self.operands)


@dataclass(frozen=True, slots=True)
class Not:
    """What does not hold."""

    operand: "Expression"

    def __str__(self) -> str:
        return f"NOT {_within(self.operand, And, Or)}"


Expression: TypeAlias = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter; that without an expression lets everything pass."""

    expression: Expression | None = None

    def __str__(self) -> str:
        return "" if self.expression is None else str(self.expression)


def comparisons(filter_: Filter) -> Iterator[Comparison]:
    """All comparisons of a filter, from left to right."""
    waiting = [] if filter_.expression is None else [filter_.expression]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Comparison):
            yield found
        elif isinstance(found, Not):
            waiting.append(found.operand)
        else:
            waiting.extend(reversed(found.operands))


def conjunction(operands: list[Expression]) -> Expression:
    """All of them, where there is at least one."""
    flat = [part for each in operands for part in (each.operands if type(each) is And else (each,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(operands: list[Expression]) -> Expression:
    """At least one of them, where there is at least one."""
    flat = [part for each in operands for part in (each.operands if type(each) is Or else (each,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation(operand: Expression) -> Expression:
    """The opposite."""
    return operand.operand if type(operand) is Not else Not(operand)


def is_nameable(key: str) -> bool:
    """Whether a path can lead through a key.

    It cannot where the key is empty, has ``"``, a backslash or a control character in it, or begins
    with ``-``: for these databases have no path that all of them understand.
    """
    return bool(key) and _UNNAMEABLE.search(key) is None


def may_be_key(operand: Operand) -> bool:
    """Whether objects are asked for a key where they are asked what they have."""
    return isinstance(operand, Text) and not operand.is_pattern and is_nameable(operand.text)


def quoted(text: str) -> str:
    """A string as it stands between quotes."""
    return _ESCAPED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{character}" if character in '"\\*' else f"\\u{ord(character):04x}"


def _segment(key: str) -> str:
    return key if WORD.fullmatch(key) else quoted(key).join('""')


def _operand(operand: Operand) -> str:
    if isinstance(operand, bool):
        return "true" if operand else "false"
    if operand is None:
        return "null"
    if isinstance(operand, Instant):
        return f'timestamp("{operand}")'
    return ANYTHING.value if operand is ANYTHING else str(operand)


def _within(operand: Expression, *kinds: type) -> str:
    return f"({operand})" if isinstance(operand, kinds) else str(operand)
