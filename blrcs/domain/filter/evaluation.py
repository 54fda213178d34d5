"""What filters mean. Databases are held to this, record by record.

Logic has two values: a comparison with what is not there, or is of another type, is false, and its
negation true. Numbers are compared as doubles, strings by their code points, which is the order of
UTF-8's octets.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blrcs.domain.filter.expression import (
    ANYTHING,
    And,
    Column,
    Comparison,
    Expression,
    Filter,
    Operand,
    Operator,
    Or,
    Path,
    Text,
    may_be_key,
)
from blrcs.domain.filter.instant import Instant, moment_key

_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.HAS: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a filter is asked about.

    Attributes:
        name: The record's resource name.
        record_id: The last part of it.
        create_time_ns: When it came about, in nanoseconds since the Unix epoch, as all times here.
        update_time_ns: When it was last changed.
        expire_time_ns: When it ends; None where it does not.
        data: The document, such that ``check_document`` lets it pass.
    """

    name: str
    record_id: str
    create_time_ns: int
    update_time_ns: int
    expire_time_ns: int | None
    data: Mapping[str, Any]

    def column(self, column: Column) -> str | int | None:
        """The value of a column."""
        value: str | int | None = getattr(
            self, f"{column.value}_ns" if column.is_time else column.value
        )
        return value


def matches(filter_: Filter, subject: Subject) -> bool:
    """Whether a filter lets a record pass."""
    return filter_.expression is None or _holds(filter_.expression, subject)


def values_at(data: Any, path: Path) -> list[Any]:
    """The value at a path through objects alone, or none."""
    for key in path.segments:
        if not isinstance(data, Mapping) or key not in data:
            return []
        data = data[key]
    return [data]


def _holds(expression: Expression, subject: Subject) -> bool:
    if isinstance(expression, Comparison):
        return _compares(expression, subject)
    if isinstance(expression, And):
        return all(_holds(each, subject) for each in expression.operands)
    if isinstance(expression, Or):
        return any(_holds(each, subject) for each in expression.operands)
    return not _holds(expression.operand, subject)


def _compares(comparison: Comparison, subject: Subject) -> bool:
    field, asked, operand = comparison.field, comparison.operator, comparison.operand
    if isinstance(field, Column):
        value = subject.column(field)
        if value is None or operand is ANYTHING:
            return value is not None
        if isinstance(operand, Instant):
            return _COMPARE[asked](value, operand.ns)
        return _is(value, asked, operand)
    if asked is not Operator.HAS:
        return any(_is(value, asked, operand) for value in values_at(subject.data, field))
    reached = _reached(subject.data, field)
    if operand is ANYTHING:
        return bool(reached)
    return any(_has(each, operand) for value in reached for each in _each(value))


def _reached(data: Any, path: Path) -> list[Any]:
    """All values at a path that leads through objects and into each element of lists."""
    reached = [data]
    for key in path.segments:
        reached = [
            each[key]
            for value in reached
            for each in _each(value)
            if isinstance(each, Mapping) and key in each
        ]
    return reached


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _has(value: Any, operand: Operand) -> bool:
    if isinstance(value, Mapping):
        return isinstance(operand, Text) and may_be_key(operand) and operand.text in value
    return _is(value, Operator.HAS, operand)


def _is(value: Any, asked: Operator, operand: Operand) -> bool:
    """Whether a value is of the operand's type, and compares to it."""
    if operand is None or isinstance(operand, bool):
        return value is operand
    if isinstance(operand, float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and _COMPARE[asked](float(value), operand)
    if not isinstance(value, str):
        return False
    if isinstance(operand, Instant):
        key = moment_key(value)
        return key is not None and _COMPARE[asked](key, operand.key)
    if isinstance(operand, Text) and operand.is_pattern:
        return _fits(value, operand)
    return _COMPARE[asked](value, operand.text if isinstance(operand, Text) else None)


def _fits(value: str, pattern: Text) -> bool:
    if pattern.any_before and pattern.any_after:
        return pattern.text in value
    return value.endswith(pattern.text) if pattern.any_before else value.startswith(pattern.text)
