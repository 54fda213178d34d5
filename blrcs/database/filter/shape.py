"""What of a filter is in its statement, and what is bound to it.

A shape is a filter that has some value of the same kind in place of each that its statement takes
as a parameter. So filters that differ in values, and in the names of keys, are one statement.
"""

from collections.abc import Iterator

from blrcs.domain.filter.expression import (
    Column,
    Comparison,
    Expression,
    Filter,
    Not,
    Operand,
    Path,
    Text,
    comparisons,
    is_nameable,
)
from blrcs.domain.filter.instant import Instant
from blrcs.domain.order_by import OrderBy, OrderTerm

_SOME_NUMBER = 0.5  # neither true nor false, which equal 1 and 0
_SOME_INSTANT = Instant(0)

Value = str | int | float


def shape_of(filter_: Filter) -> Filter:
    """Its shape."""
    return Filter(None if filter_.expression is None else _shape(filter_.expression))


def order_shape(order_by: OrderBy) -> OrderBy:
    """An order with some keys in the place of its own."""
    return OrderBy(
        tuple(
            OrderTerm(_some(term.field), term.is_descending)
            if isinstance(term.field, Path)
            else term
            for term in order_by.terms
        )
    )


def values_of(filter_: Filter, name_prefix: str) -> Iterator[Value]:
    """The values of its parameters, in the order in which ``predicate`` asks for them.

    Args:
        filter_: What is asked.
        name_prefix: What stands before the ids in names.
    """
    for comparison in comparisons(filter_):
        yield from _bound(comparison, name_prefix)


def order_values(order_by: OrderBy) -> Iterator[str]:
    """The keys that it names."""
    for term in order_by.terms:
        if isinstance(term.field, Path):
            yield from term.field.segments


def is_bound(operand: Operand) -> bool:
    """Whether a statement takes an operand as a parameter."""
    if isinstance(operand, Text):
        return not operand.is_any
    return isinstance(operand, Instant | float)


def _shape(expression: Expression) -> Expression:
    if isinstance(expression, Comparison):
        field = expression.field
        operand = _some_operand(expression.operand)
        if isinstance(field, Path):
            field = _some(field)
        return Comparison(field, expression.operator, operand)
    if isinstance(expression, Not):
        return Not(_shape(expression.operand))
    return type(expression)(tuple(map(_shape, expression.operands)))


def _some(path: Path) -> Path:
    return Path(("k",) * len(path.segments))


def _some_operand(operand: Operand) -> Operand:
    if isinstance(operand, Text) and not operand.is_any:
        return Text(
            "k" if is_nameable(operand.text) else "\\", operand.any_before, operand.any_after
        )
    if isinstance(operand, Instant):
        return _SOME_INSTANT
    return _SOME_NUMBER if isinstance(operand, float) else operand


def _bound(comparison: Comparison, name_prefix: str) -> Iterator[Value]:
    field, operand = comparison.field, comparison.operand
    if isinstance(field, Path):
        yield from field.segments
    elif field is Column.NAME and is_bound(operand):
        yield name_prefix
    if isinstance(operand, Text) and is_bound(operand):
        yield operand.text
    elif isinstance(operand, Instant):
        yield operand.ns if isinstance(field, Column) else operand.key
    elif isinstance(operand, float):
        yield operand
