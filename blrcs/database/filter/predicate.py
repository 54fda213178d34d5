"""Filters as conditions of SQL.

A condition is true or false and never NULL, so that NOT turns the one into the other. It stands for
what ``blrcs.domain.filter.evaluation`` says, to the last record.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.columns import Columns
from blrcs.database.filter.json_sql import JsonSql, Sql
from blrcs.database.filter.shape import is_bound
from blrcs.database.types import DOUBLE
from blrcs.domain.filter.expression import (
    ANYTHING,
    And,
    Column,
    Comparison,
    Expression,
    Filter,
    Not,
    Operand,
    Operator,
    Or,
    Path,
    Text,
    may_be_key,
)
from blrcs.domain.filter.instant import Instant

Bind = Callable[[Any], Sql]
"""Gives the next parameter, of a type."""

_COMPARE: dict[Operator, Callable[[Sql, Sql], Sql]] = {
    Operator.EQUAL: lambda left, right: left == right,
    Operator.HAS: lambda left, right: left == right,
    Operator.LESS: lambda left, right: left < right,
    Operator.LESS_OR_EQUAL: lambda left, right: left <= right,
    Operator.GREATER: lambda left, right: left > right,
    Operator.GREATER_OR_EQUAL: lambda left, right: left >= right,
}


class Predicate:
    """Makes the conditions of one statement.

    Args:
        columns: Where the records are.
        json: What the database does with JSON.
        bind: Gives the parameters, in the order of ``shape.values_of``.
    """

    def __init__(self, columns: Columns, json: JsonSql, bind: Bind) -> None:
        self._columns = columns
        self._json = json
        self._bind = bind
        self._aliases = (f"e{number}" for number in count())

    def condition(self, filter_: Filter) -> Sql:
        """What holds for the records that the filter lets pass."""
        return sa.true() if filter_.expression is None else self._of(filter_.expression)

    def _of(self, expression: Expression) -> Sql:
        if isinstance(expression, Comparison):
            if isinstance(expression.field, Path):
                return self._of_data(expression.field, expression.operator, expression.operand)
            return self._of_column(expression.field, expression.operator, expression.operand)
        if isinstance(expression, Not):
            return sa.not_(self._of(expression.operand))
        join = sa.and_ if isinstance(expression, And) else sa.or_
        return join(*map(self._of, expression.operands)).self_group()

    def _of_column(self, column: Column, operator: Operator, operand: Operand) -> Sql:
        if not is_bound(operand):  # it asks for anything at all
            is_optional = column is Column.EXPIRE_TIME
            return self._columns.expire_time_ns.is_not(None) if is_optional else sa.true()
        if isinstance(operand, Instant):
            value = getattr(self._columns, f"{column.value}_ns")
            holds = _COMPARE[operator](value, self._bind(sa.BigInteger()))
            return sa.and_(value.is_not(None), holds) if column is Column.EXPIRE_TIME else holds
        text: Sql = self._columns.record_id
        if column is Column.NAME:
            text = self._bind(sa.Text()).concat(text)
        return self._compares(self._json.text(text), operator, operand, self._json.text(self._bind(sa.Text())))

    def _of_data(self, path: Path, operator: Operator, operand: Operand) -> Sql:
        keys = [self._bind(sa.Text()) for _ in path.segments]
        asked = sa.null()
        if is_bound(operand):
            asked = self._bind(DOUBLE if isinstance(operand, float) else sa.Text())
        if operator is Operator.HAS:
            return self._has(keys, operand, asked)
        return self._is(self._json.get(self._columns.document, keys), operator, operand, asked)

    def _has(self, keys: list[Sql], operand: Operand, asked: Sql) -> Sql:
        """Goes through objects and lists, one join for each list that there may be."""
        json: Sql = self._columns.document
        lists: list[sa.FromClause] = []
        for index, key in enumerate(keys, start=1):
            json = self._json.get(json, [key])
            if index < len(keys) or operand is not ANYTHING:
                rows, json = self._json.elements(json, next(self._aliases))
                lists.append(rows)
        if operand is ANYTHING:
            holds = json.is_not(None)
        else:
            holds = self._is(json, Operator.EQUAL, operand, asked)
            if may_be_key(operand):
                holds = sa.or_(holds, self._json.get(json, [asked]).is_not(None))
        if not lists:
            return holds
        found = sa.select(sa.literal_column("1")).select_from(*lists).where(holds)
        return found.correlate(self._columns.document.table).exists()

    def _is(self, json: Sql, operator: Operator, operand: Operand, asked: Sql) -> Sql:
        """Whether a value is of the operand's type, and compares to it.

        It is only compared where it is of the type: some databases fail where it is not.
        """
        if operand is None or isinstance(operand, bool):
            written = "null" if operand is None else str(operand).lower()
            holds = self._json.raw(json) == sa.literal_column(f"'{written}'")
            return sa.case((json.is_not(None), holds), else_=sa.false())
        if isinstance(operand, float):
            is_so = self._json.is_number(json)
            holds = _COMPARE[operator](self._json.number(json), asked)
        else:
            is_so, text = self._json.is_string(json), self._json.string(json)
            if isinstance(operand, Instant):
                is_so = sa.and_(is_so, self._json.is_moment(text))
            holds = self._compares(text, operator, operand, self._json.text(asked))
        return sa.case((is_so, holds), else_=sa.false())

    def _compares(self, text: Sql, operator: Operator, operand: Operand, asked: Sql) -> Sql:
        """Whether a string compares to an instant, a pattern or a text."""
        if isinstance(operand, Instant):
            return _COMPARE[operator](self._json.moment_key(text), asked)
        if not isinstance(operand, Text) or not operand.is_pattern:
            return _COMPARE[operator](text, asked)
        if operand.is_any:
            return sa.true()
        if operand.any_before and operand.any_after:
            return self._json.contains(text, asked)
        compare = self._json.ends_with if operand.any_before else self._json.starts_with
        return compare(text, asked)
