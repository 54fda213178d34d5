"""Orders as SQL, and where in them a page begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.columns import Columns
from blrcs.database.filter.json_sql import JsonSql, Sql
from blrcs.database.filter.predicate import Bind
from blrcs.database.types import DOUBLE
from blrcs.domain.filter.expression import Column, Field, Path
from blrcs.domain.order_by import SORTED_CHARACTERS, OrderBy


@dataclass(frozen=True, slots=True, eq=False)
class SortKey:
    """What a part of a position is in SQL: never NULL."""

    value: Sql
    is_descending: bool
    type: sa.types.TypeEngine[Any]
    is_text: bool = False

    @property
    def direction(self) -> sa.UnaryExpression[Any]:
        """As ORDER BY has it."""
        return self.value.desc() if self.is_descending else self.value.asc()


def sort_keys(columns: Columns, order_by: OrderBy, json: JsonSql, bind: Bind) -> list[SortKey]:
    """The keys of an order, in the order of a position's parts."""
    return [
        SortKey(value, term.is_descending, type_, is_text)
        for term in order_by.terms
        for value, type_, is_text in _parts(columns, term.field, json, bind)
    ]


def after(keys: Sequence[SortKey], json: JsonSql, bind: Bind) -> Sql:
    """What holds for the records behind a position.

    The first key is bounded by itself, so that an index over it finds where to begin.
    """
    key, *rest = keys
    asked = bind(key.type)
    if key.is_text:
        asked = json.text(asked)
    beyond = key.value < asked if key.is_descending else key.value > asked
    if not rest:
        return beyond
    bound = key.value <= asked if key.is_descending else key.value >= asked
    return sa.and_(bound, sa.or_(beyond, after(rest, json, bind)))


def _parts(
    columns: Columns, field: Field, json: JsonSql, bind: Bind
) -> list[tuple[Sql, sa.types.TypeEngine[Any], bool]]:
    if isinstance(field, Path):
        found = json.get(columns.document, [bind(sa.Text()) for _ in field.segments])
        return _data_parts(found, json)
    if field is Column.RECORD_ID:
        return [(columns.record_id, sa.Text(), False)]
    number = sa.BigInteger()
    if field is Column.EXPIRE_TIME:
        ends = columns.expire_time_ns
        is_there = sa.case((ends.is_not(None), _rank(1)), else_=_rank(0))
        return [(is_there, number, False), (sa.func.coalesce(ends, _rank(0)), number, False)]
    value: Sql = getattr(columns, f"{field.value}_ns")
    return [(value, number, False)]


def _data_parts(found: Sql, json: JsonSql) -> list[tuple[Sql, sa.types.TypeEngine[Any], bool]]:
    """The place of the type, the number and the string of a value, as in ``order_by``."""
    raw = json.raw(found)
    is_string, is_number = json.is_string(found), json.is_number(found)
    place = sa.case(
        (found.is_(None), _rank(0)),
        (is_string, _rank(5)),
        (is_number, _rank(4)),
        *((raw == sa.literal_column(f"'{name}'"), _rank(rank)) for name, rank in _NAMED.items()),
        (json.is_list(found), _rank(6)),
        else_=_rank(7),
    )
    number = sa.case((is_number, json.number(found)), else_=sa.literal_column("0e0"))
    first = json.first(found, SORTED_CHARACTERS)
    text = json.text(sa.case((is_string, first), else_=sa.literal_column("''")))
    return [(place, sa.Integer(), False), (number, DOUBLE, False), (text, sa.Text(), True)]


_NAMED = {"null": 1, "false": 2, "true": 3}


def _rank(rank: int) -> Sql:
    return sa.literal_column(str(rank))
