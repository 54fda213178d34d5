"""Which records are asked for, and in which order."""

from collections.abc import Iterator

from blrcs.application.collections.collection_shapes import CollectionShape
from blrcs.application.ports.records import Selection
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.expression import Comparison, Filter, Not, Path
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import parse_order_by


def select(shape: CollectionShape, *, filter_: str, order_by: str = "") -> Selection:
    """What texts ask for.

    Raises:
        InvalidArgumentError: They are none, or ask for what is encrypted or secret.
    """
    selection = Selection(parse_filter(filter_), parse_order_by(order_by))
    for path in _paths_in(selection.filter_):
        _refuse_sealed(shape, path, "filter")
    for term in selection.order_by.terms:
        if isinstance(term.field, Path):
            _refuse_sealed(shape, term.field, "order_by")
    return selection


def _paths_in(filter_: Filter) -> Iterator[Path]:
    waiting = [] if filter_.expression is None else [filter_.expression]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Comparison):
            if isinstance(found.field, Path):
                yield found.field
        elif isinstance(found, Not):
            waiting.append(found.operand)
        else:
            waiting.extend(found.operands)


def _refuse_sealed(shape: CollectionShape, path: Path, field: str) -> None:
    for sealed in shape.sealed:
        if path.segments[: len(sealed.path)] == sealed.path:
            raise InvalidArgumentError(
                field, f"{str(path)!r} is encrypted or secret", reason="FIELD_SEALED"
            )
