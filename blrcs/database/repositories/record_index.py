"""What collections have declared to be indexed of their records.

The first characters of a string, or a number, at a declared path are a row beside the record,
written with it. A filter that compares such a path to a string or a number, and lets nothing pass
that does not, is asked of these rows first, and only what they name is looked at. They may name too
much, never too little: the filter itself still decides.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.narrowing import Narrowing
from blrcs.database.statement import Statement
from blrcs.database.tables import record_index
from blrcs.domain.field_path import Path, parse_path, value_at
from blrcs.domain.filter import expression
from blrcs.domain.filter.expression import And, Comparison, Filter, Operator, Text
from blrcs.domain.record import Record

KEPT_CHARACTERS = 128
MOST_NAMED = 5000
"""Beyond, going through the records in their order finds a page sooner."""
LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


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
    for path_id, path in _paths(tuple(indexes)):
        value = value_at(record.data, path)
        row: dict[str, object] = {
            "tenant": record.key.tenant,
            "collection": record.key.collection,
            "record_id": record.key.record,
            "path_id": path_id,
            "text_value": None,
            "number_value": None,
        }
        if isinstance(value, str):
            yield row | {"text_value": value[:KEPT_CHARACTERS]}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield row | {"number_value": float(value)}


def bounds_in(filter_: Filter, indexes: Sequence[str]) -> list[Bounds]:
    """What must hold of indexed paths for a filter to let a record pass."""
    ids = {path: path_id for path_id, path in _paths(tuple(indexes))}
    found: dict[tuple[int, str], Bounds] = {}
    whole = filter_.expression
    for part in whole.operands if isinstance(whole, And) else (whole,):
        if not isinstance(part, Comparison) or not isinstance(part.field, expression.Path):
            continue
        bounds = _bounds(ids.get(part.field.segments), part)
        if bounds is not None:
            place = bounds.path_id, bounds.column
            known = found.get(place)
            found[place] = bounds if known is None else known.within(bounds)
    return list(found.values())


def _bounds(path_id: int | None, asked: Comparison) -> Bounds | None:
    operand = asked.operand
    if path_id is None or asked.operator is Operator.HAS:
        return None
    if isinstance(operand, Text):
        text = operand.text[:KEPT_CHARACTERS]
        if operand.is_pattern:
            if operand.any_before or not text:
                return None
            return Bounds(path_id, "text_value", text, _successor(text))
        return _compared(path_id, "text_value", asked.operator, text)
    if isinstance(operand, float):
        return _compared(path_id, "number_value", asked.operator, operand)
    return None


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
def _paths(indexes: tuple[str, ...]) -> tuple[tuple[int, Path], ...]:
    """Paths with numbers for them: a text would make the table's keys too long for MySQL."""
    paths = [parse_path(text, field="indexes") for text in indexes]
    return tuple((_path_id(path), path) for path in paths)


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
