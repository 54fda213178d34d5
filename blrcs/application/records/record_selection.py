"""Which records are asked for, and in which order."""

from blrcs.application.collections.collection_shapes import CollectionShape, SealedField
from blrcs.application.ports.records import Selection
from blrcs.application.records.record_sealer import tag_of
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.expression import (
    Comparison,
    Expression,
    Filter,
    Not,
    Operator,
    Path,
    Text,
)
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import parse_order_by


def select(shape: CollectionShape, *, filter_: str, order_by: str = "") -> Selection:
    """What texts ask for.

    Raises:
        InvalidArgumentError: They are none, or ask for what is encrypted or secret, but for the
            equality of what has an index.
    """
    found = parse_filter(filter_)
    if shape.sealed and found.expression is not None:
        found = Filter(_blinded(shape, found.expression))
    selection = Selection(found, parse_order_by(order_by))
    for term in selection.order_by.terms:
        if isinstance(term.field, Path):
            _refuse_sealed(shape, term.field, "order_by")
    return selection


def _blinded(shape: CollectionShape, asked: Expression) -> Expression:
    """The same with tags in the place of values that are encrypted, as they are in the store."""
    if isinstance(asked, Comparison):
        if not isinstance(asked.field, Path):
            return asked
        for field in shape.sealed:
            if field.is_indexed and field.path == asked.field.segments:
                return Comparison(asked.field, Operator.EQUAL, Text(_tag(shape, field, asked)))
        _refuse_sealed(shape, asked.field, "filter")
        if asked.operator is Operator.HAS and isinstance(asked.operand, Text):
            # As a key of an object it is another way to ask whether the field is there.
            key = Path((*asked.field.segments, asked.operand.text))
            _refuse_sealed(shape, key, "filter")
        return asked
    if isinstance(asked, Not):
        return Not(_blinded(shape, asked.operand))
    return type(asked)(tuple(_blinded(shape, each) for each in asked.operands))


def _tag(shape: CollectionShape, field: SealedField, asked: Comparison) -> str:
    operand = asked.operand
    value = operand.text if isinstance(operand, Text) and not operand.is_pattern else operand
    tag = tag_of(shape, field, value) if asked.operator is Operator.EQUAL else None
    if tag is None:
        raise InvalidArgumentError(
            "filter",
            f"{str(asked.field)!r} is encrypted: it can only be compared by = and !=, with a"
            " string or a number",
            reason="FIELD_SEALED",
        )
    return tag


def _refuse_sealed(shape: CollectionShape, path: Path, field: str) -> None:
    for sealed in shape.sealed:
        if path.segments[: len(sealed.path)] == sealed.path:
            raise InvalidArgumentError(
                field, f"{str(path)!r} is encrypted or secret", reason="FIELD_SEALED"
            )
