"""Filters as conditions of SQL.

A condition is true or false and never NULL, so that NOT turns the one into the other. It stands for
what ``blrcs.domain.filter.evaluation`` says, to the last record.
"""

from itertools import count

from blrcs.database.filter.bindings import Bindings
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.json_sql import JsonSql
from blrcs.database.filter.shape import is_bound
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
    Path,
    Text,
    may_be_key,
)
from blrcs.domain.filter.instant import Instant

ALWAYS = "(1 = 1)"
NEVER = "(1 = 0)"


class Predicate:
    """Makes the conditions of one statement.

    Args:
        columns: Where the records are.
        json: What the database does with JSON.
        bindings: Its parameters, which are asked for in the order of ``shape.values_of``.
    """

    def __init__(self, columns: Columns, json: JsonSql, bindings: Bindings) -> None:
        self._columns = columns
        self._json = json
        self._bindings = bindings
        self._aliases = (f"e{number}" for number in count())

    def condition(self, filter_: Filter) -> str:
        """What holds for the records that the filter lets pass."""
        return ALWAYS if filter_.expression is None else self._of(filter_.expression)

    def _of(self, expression: Expression) -> str:
        if isinstance(expression, Comparison):
            if isinstance(expression.field, Path):
                return self._of_data(expression.field, expression.operator, expression.operand)
            return self._of_column(expression.field, expression.operator, expression.operand)
        if isinstance(expression, Not):
            return f"NOT {self._of(expression.operand)}"
        join = " AND " if isinstance(expression, And) else " OR "
        return f"({join.join(map(self._of, expression.operands))})"

    def _of_column(self, column: Column, operator: Operator, operand: Operand) -> str:
        is_there = ALWAYS
        if column is Column.EXPIRE_TIME:
            is_there = f"{self._columns.written('expire_time_ns')} IS NOT NULL"
        if not is_bound(operand):  # it asks for anything at all
            return f"({is_there})"
        if isinstance(operand, Instant):
            value = self._columns.written(f"{column.value}_ns")
            holds = f"{value} {operator.value} {self._bindings.whole()}"
            return f"({is_there} AND {holds})" if is_there != ALWAYS else f"({holds})"
        text = self._columns.written("record_id")
        if column is Column.NAME:
            text = self._json.joined(self._bindings.text(), text)
        if isinstance(operand, Text) and operand.is_pattern:
            asked = self._json.text(self._bindings.text())
            return self._compares(self._json.text(text), operator, operand, asked)
        return f"({text} {operator.value} {self._bindings.text()})"

    def _of_data(self, path: Path, operator: Operator, operand: Operand) -> str:
        keys = [self._bindings.text() for _ in path.segments]
        asked = ""
        if is_bound(operand):
            is_number = isinstance(operand, float)
            asked = self._bindings.double() if is_number else self._bindings.text()
        if operator is Operator.HAS:
            return self._has(keys, operand, asked)
        json = self._json.get(self._columns.written("document"), keys)
        return self._is(json, operator, operand, asked)

    def _has(self, keys: list[str], operand: Operand, asked: str) -> str:
        """Goes through objects and lists, one join for each list that there may be."""
        json = self._columns.written("document")
        lists = []
        for index, key in enumerate(keys, start=1):
            json = self._json.get(json, [key])
            if index < len(keys) or operand is not ANYTHING:
                rows, json = self._json.elements(json, next(self._aliases))
                lists.append(rows)
        if operand is ANYTHING:
            holds = f"({json} IS NOT NULL)"
        else:
            holds = self._is(json, Operator.EQUAL, operand, asked)
            if may_be_key(operand):
                holds = f"({holds} OR {self._json.get(json, [asked])} IS NOT NULL)"
        if not lists:
            return holds
        # All of it is the program's own, see json_sql.
        return f"EXISTS (SELECT 1 FROM {', '.join(lists)} WHERE {holds})"  # noqa: S608

    def _is(self, json: str, operator: Operator, operand: Operand, asked: str) -> str:
        """Whether a value is of the operand's type, and compares to it.

        It is only compared where it is of the type: some databases fail where it is not.
        """
        if operand is None or isinstance(operand, bool):
            written = "null" if operand is None else str(operand).lower()
            return f"(COALESCE({self._json.raw(json)}, '') = '{written}')"
        if isinstance(operand, float):
            is_so = self._json.is_number(json)
            holds = f"{self._json.number(json)} {operator.value} {asked}"
        else:
            is_so, text = self._json.is_string(json), self._json.string(json)
            if isinstance(operand, Instant):
                is_so = f"{is_so} AND {self._json.is_moment(text)}"
            holds = self._compares(text, operator, operand, self._json.text(asked))
        return f"(CASE WHEN {is_so} THEN {holds} ELSE {NEVER} END)"

    def _compares(self, text: str, operator: Operator, operand: Operand, asked: str) -> str:
        """Whether a string compares to an instant, a pattern or a text."""
        if isinstance(operand, Instant):
            return f"({self._json.moment_key(text)} {operator.value} {asked})"
        if not isinstance(operand, Text) or not operand.is_pattern:
            return f"({text} {operator.value} {asked})"
        if operand.is_any:
            return ALWAYS
        if operand.any_before and operand.any_after:
            return self._json.contains(text, asked)
        compare = self._json.ends_with if operand.any_before else self._json.starts_with
        return compare(text, asked)
