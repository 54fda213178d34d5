"""What collections have declared to be indexed of their records.

The first characters of a string, or a number, at a declared path are a row beside the record,
written with it. A filter that compares such a path to a string or a number, and lets nothing pass
that does not, is asked of these rows first, and only what they name is looked at. They may name too
much, never too little: the filter itself still decides.

Times of records are declared likewise. Each record has a row for such a one, with the time as a
text, so that a list in the order of a time goes along these rows.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.along import Along
from blrcs.database.filter.narrowing import Narrowing
from blrcs.database.statement import Statement
from blrcs.database.tables import record_index
from blrcs.domain.collection import TIME_INDEXES
from blrcs.domain.field_path import Path, parse_path, value_at
from blrcs.domain.filter import expression
from blrcs.domain.filter.expression import And, Column, Comparison, Field, Filter, Operator, Text
from blrcs.domain.filter.instant import Instant
from blrcs.domain.order_by import OrderBy, OrderTerm, Position
from blrcs.domain.record import Record

KEPT_CHARACTERS = 128
MOST_NAMED = 5000
"""Beyond, going through the records in their order finds a page sooner."""
LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
INSTANT_DIGITS = 19
TIME_IDS = {Column.CREATE_TIME: 1, Column.UPDATE_TIME: 2}
"""In the place of numbers of paths, which are hashes of 63 bits."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which values an indexed path lies, both included; None where there is no bound."""

    path_id: int
    column: str
    low: str | float | None = None
    high: str | float | None = None

    @property
    def shape(self) -> tuple[str, bool, bool]:
        """What its statement depends on."""
        return self.column, self.low is not None, self.high is not None

    @property
    def params(self) -> dict[str, Any]:
        """What its statement is run with, beside the tenant and the collection."""
        given = {"index_low": self.low, "index_high": self.high}
        return {"index_path": self.path_id} | {
            name: value for name, value in given.items() if value is not None
        }

    def within(self, other: "Bounds") -> "Bounds":
        """What lies between both."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        return Bounds(self.path_id, self.column, max(lows, default=None), min(highs, default=None))

    @property
    def narrowing(self) -> Narrowing:
        """For the statement of a list."""
        ids = sa.select(record_index.c.record_id).where(*_named(self.shape))
        return Narrowing(self.shape, ids, self.params)

    @property
    def counted(self) -> Statement:
        """A row with ``count``: how many records it names, or one more than ``MOST_NAMED``."""
        return _counted(self.shape)


def index_rows(record: Record, indexes: Sequence[str]) -> Iterator[dict[str, object]]:
    """The rows of a record."""
    for path_id, field in _fields(tuple(indexes)):
        row: dict[str, object] = {
            "tenant": record.key.tenant,
            "collection": record.key.collection,
            "record_id": record.key.record,
            "path_id": path_id,
            "text_value": None,
            "number_value": None,
        }
        if isinstance(field, Column):
            time_ns = getattr(record, f"{field}_ns")
            yield row | {"text_value": _instant_text(time_ns)}
            continue
        value = value_at(record.data, field.segments)
        if isinstance(value, str):
            yield row | {"text_value": value[:KEPT_CHARACTERS]}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield row | {"number_value": float(value)}


def path_ids(indexes: Sequence[str]) -> list[int]:
    """The numbers that stand for paths in the rows."""
    return [path_id for path_id, _ in _fields(tuple(indexes))]


def bounds_in(filter_: Filter, indexes: Sequence[str]) -> list[Bounds]:
    """What must hold of indexed paths and times for a filter to let a record pass."""
    ids = {field: path_id for path_id, field in _fields(tuple(indexes))}
    found: dict[tuple[int, str], Bounds] = {}
    whole = filter_.expression
    for part in whole.operands if isinstance(whole, And) else (whole,):
        if not isinstance(part, Comparison):
            continue
        bounds = _bounds(ids.get(part.field), part)
        if bounds is not None:
            place = bounds.path_id, bounds.column
            known = found.get(place)
            found[place] = bounds if known is None else known.within(bounds)
    return list(found.values())


def along(order_by: OrderBy, filter_: Filter, indexes: Sequence[str]) -> Along | None:
    """The index that has a list's records in their order; None where there is none."""
    first, *others = order_by.terms
    if others != [OrderTerm(Column.RECORD_ID, first.is_descending)]:
        return None
    times: dict[Field, int] = {
        field: path_id for path_id, field in _fields(tuple(indexes)) if isinstance(field, Column)
    }
    path_id = times.get(first.field)
    if path_id is None:
        return None
    bounds = next(
        (each for each in bounds_in(filter_, indexes) if each.path_id == path_id),
        Bounds(path_id, "text_value"),
    )
    return Along(
        bounds.shape,
        first.is_descending,
        record_index.c.text_value,
        record_index.c.record_id,
        _named(bounds.shape),
        _place,
        bounds.params,
    )


def _place(position: Position) -> Position:
    time_ns, record_id = position
    return (_instant_text(int(time_ns)), record_id)


def _instant_text(time_ns: int) -> str:
    """Such that texts are in the order of instants; no record is from before the epoch."""
    return f"{max(0, time_ns):0{INSTANT_DIGITS}}"


def _bounds(path_id: int | None, asked: Comparison) -> Bounds | None:
    operand = asked.operand
    if path_id is None or asked.operator is Operator.HAS:
        return None
    if isinstance(operand, Text):
        return _text_bounds(path_id, asked.operator, operand)
    if isinstance(operand, float):
        return _compared(path_id, "number_value", asked.operator, operand)
    if isinstance(operand, Instant) and isinstance(asked.field, Column):
        return _compared(path_id, "text_value", asked.operator, _instant_text(operand.ns))
    return None


def _text_bounds(path_id: int, operator: Operator, operand: Text) -> Bounds | None:
    text = operand.text[:KEPT_CHARACTERS]
    if not operand.is_pattern:
        return _compared(path_id, "text_value", operator, text)
    if operand.any_before or not text:
        return None
    return Bounds(path_id, "text_value", text, _successor(text))


def _compared(path_id: int, column: str, operator: Operator, value: str | float) -> Bounds:
    # What is kept of two strings may be equal where one is greater.
    low = None if operator in {Operator.LESS, Operator.LESS_OR_EQUAL} else value
    high = None if operator in {Operator.GREATER, Operator.GREATER_OR_EQUAL} else value
    return Bounds(path_id, column, low, high)


def _successor(text: str) -> str | None:
    """The first string behind all that begin with a text; None where there is none."""
    for index in range(len(text) - 1, -1, -1):
        following = ord(text[index]) + 1
        if following in SURROGATES:
            following = SURROGATES.stop
        if following <= LAST_CODE_POINT:
            return text[:index] + chr(following)
    return None


@lru_cache(maxsize=1024)
def _fields(indexes: tuple[str, ...]) -> tuple[tuple[int, Field], ...]:
    """Fields with numbers for them: a text would make the table's keys too long for MySQL."""
    return tuple(
        (TIME_IDS[time], time)
        if (time := TIME_INDEXES.get(text)) is not None
        else (_path_id(path := parse_path(text, field="indexes")), expression.Path(path))
        for text in indexes
    )


def _path_id(path: Path) -> int:
    digest = hashlib.sha256("\0".join(path).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _named(shape: tuple[str, bool, bool]) -> list[sa.ColumnElement[bool]]:
    column_name, has_low, has_high = shape
    columns = record_index.c
    column = columns[column_name]
    wanted = [
        columns.tenant == sa.bindparam("tenant", type_=sa.Text()),
        columns.collection == sa.bindparam("collection", type_=sa.Text()),
        columns.path_id == sa.bindparam("index_path"),
    ]
    if has_low:
        wanted.append(column >= sa.bindparam("index_low"))
    if has_high:
        wanted.append(column <= sa.bindparam("index_high"))
    return wanted


@lru_cache(maxsize=16)
def _counted(shape: tuple[str, bool, bool]) -> Statement:
    some = sa.select(record_index.c.record_id).where(*_named(shape)).limit(MOST_NAMED + 1)
    return Statement(sa.select(sa.func.count().label("count")).select_from(some.subquery()))
