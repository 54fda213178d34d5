"""Orders as SQL, and where in them a page begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.bindings import Bindings
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.json_sql import JsonSql
from blrcs.database.types import DOUBLE
from blrcs.domain.filter.expression import Column, Path
from blrcs.domain.order_by import SORTED_CHARACTERS, OrderBy, OrderTerm

_TEXT, _NUMBER = sa.Text(), sa.BigInteger()


@dataclass(frozen=True, slots=True)
class SortKey:
    """What a term is sorted by: one value after the other, none of them ever NULL.

    Attributes:
        values: These.
        types: Of what a position has for each.
        is_descending: In which direction.
        is_data: Whether strings are compared as those in data are.
    """

    values: tuple[str, ...]
    types: tuple[Any, ...]
    is_descending: bool
    is_data: bool = False

    @property
    def directions(self) -> list[str]:
        """As ORDER BY has it."""
        direction = "DESC" if self.is_descending else "ASC"
        return [f"{value} {direction}" for value in self.values]


def sort_keys(
    columns: Columns, order_by: OrderBy, json: JsonSql, bindings: Bindings
) -> list[SortKey]:
    """The keys of an order."""
    return [_key(columns, term, json, bindings) for term in order_by.terms]


def after(keys: Sequence[SortKey], json: JsonSql, bindings: Bindings) -> str:
    """What holds for the records behind a position.

    The first key is bounded by itself, so that an index over it leads to where they begin.
    """
    key, *rest = keys
    asked = [bindings.of(type_) for type_ in key.types]
    if key.is_data:
        asked[-1] = json.text(asked[-1])
    own, others = _row(key.values), _row(asked)
    sign = "<" if key.is_descending else ">"
    beyond = f"{own} {sign} {others}"
    if not rest:
        return f"({beyond})"
    return f"({own} {sign}= {others} AND ({beyond} OR {after(rest, json, bindings)}))"


def _row(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def _key(columns: Columns, term: OrderTerm, json: JsonSql, bindings: Bindings) -> SortKey:
    field = term.field
    if isinstance(field, Path):
        keys = [bindings.text() for _ in field.segments]
        values = _data_values(json.get(columns.written("document"), keys), json)
        return SortKey(values, (_NUMBER, DOUBLE, _TEXT), term.is_descending, is_data=True)
    if field is Column.RECORD_ID:
        return SortKey((columns.written("record_id"),), (_TEXT,), term.is_descending)
    value = columns.written(f"{field.value}_ns")
    if field is Column.EXPIRE_TIME:
        values = (f"CASE WHEN {value} IS NULL THEN 0 ELSE 1 END", f"COALESCE({value}, 0)")
        return SortKey(values, (_NUMBER, _NUMBER), term.is_descending)
    return SortKey((value,), (_NUMBER,), term.is_descending)


def _data_values(found: str, json: JsonSql) -> tuple[str, ...]:
    """The place of the type, the number and the string of a value, as in ``order_by``."""
    is_string, is_number = json.is_string(found), json.is_number(found)
    raw = json.raw(found)
    place = (
        f"CASE WHEN {found} IS NULL THEN 0 WHEN {is_string} THEN 5 WHEN {is_number} THEN 4"
        f" WHEN {raw} = 'null' THEN 1 WHEN {raw} = 'false' THEN 2 WHEN {raw} = 'true' THEN 3"
        f" WHEN {json.is_list(found)} THEN 6 ELSE 7 END"
    )
    number = f"CASE WHEN {is_number} THEN {json.number(found)} ELSE 0e0 END"
    first = json.first(found, SORTED_CHARACTERS)
    return place, number, json.text(f"CASE WHEN {is_string} THEN {first} ELSE '' END")
