"""Orders as SQL, and where in them a page begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
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
    """What rows are sorted by, one key after the other.

    Attributes:
        value: Never NULL.
        type: Of what a position has for it.
        is_descending: In which direction.
        is_data: Whether it is compared as strings in data are.
    """

    value: str
    type: Any
    is_descending: bool
    is_data: bool = False

    def __str__(self) -> str:
        return f"{self.value} {'DESC' if self.is_descending else 'ASC'}"


def sort_keys(
    columns: Columns, order_by: OrderBy, json: JsonSql, bindings: Bindings
) -> list[SortKey]:
    """The keys of an order, one for each part of a position."""
    return [key for term in order_by.terms for key in _keys_of_term(columns, term, json, bindings)]


def after(keys: Sequence[SortKey], json: JsonSql, bindings: Bindings) -> str:
    """What holds for the records behind a position.

    Keys of one direction are compared together, as a row, so that an index over them leads to where
    these records begin, however many are the same in the first of them.
    """
    runs = [
        ([key.value for key in run], [_asked(key, json, bindings) for key in run], is_descending)
        for is_descending, group in groupby(keys, lambda key: key.is_descending)
        for run in [list(group)]
    ]
    holds = ""
    for values, asked, is_descending in reversed(runs):
        sign = "<" if is_descending else ">"
        beyond = json.compare_rows(values, sign, asked)
        if holds:
            beyond = f"({json.compare_rows(values, f'{sign}=', asked)} AND ({beyond} OR {holds}))"
        holds = beyond
    return holds


def _asked(key: SortKey, json: JsonSql, bindings: Bindings) -> str:
    parameter = bindings.of(key.type)
    return json.text(parameter) if key.is_data else parameter


def _keys_of_term(
    columns: Columns, term: OrderTerm, json: JsonSql, bindings: Bindings
) -> list[SortKey]:
    field, is_descending = term.field, term.is_descending
    if isinstance(field, Path):
        keys = [bindings.text() for _ in field.segments]
        place, number, text = _data_values(json.get(columns.written("document"), keys), json)
        return [
            SortKey(place, _NUMBER, is_descending),
            SortKey(number, DOUBLE, is_descending),
            SortKey(text, _TEXT, is_descending, is_data=True),
        ]
    if field is Column.RECORD_ID:
        return [SortKey(columns.written("record_id"), _TEXT, is_descending)]
    value = columns.written(f"{field.value}_ns")
    if field is Column.EXPIRE_TIME:
        return [
            SortKey(f"CASE WHEN {value} IS NULL THEN 0 ELSE 1 END", _NUMBER, is_descending),
            SortKey(f"COALESCE({value}, 0)", _NUMBER, is_descending),
        ]
    return [SortKey(value, _NUMBER, is_descending)]


def _data_values(found: str, json: JsonSql) -> tuple[str, str, str]:
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
