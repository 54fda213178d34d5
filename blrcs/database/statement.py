"""A SQL statement, built and compiled once.

SQLAlchemy Core takes some 200 us to build and compile a select; SQLite runs it in 10. So a
statement is made at import, and running it touches SQLAlchemy no more.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

Construct = sa.Select[Any] | sa.CompoundSelect[Any] | sa.Insert | sa.Update | sa.Delete

Row = Any
"""A named tuple with the columns of its statement."""


class Statement:
    """SQL text for SQLite with named parameters, compiled from ``construct``.

    Values go to SQLite as they are, so that only types that need no conversion may be bound.
    Columns of Boolean type come back as bool, all others as SQLite gives them.

    A list as a parameter would need another text for each length and is refused. Pass it as JSON::

        ids = sa.func.json_each(sa.bindparam("ids")).table_valued("value")
        Statement(sa.select(users).where(users.c.id.in_(sa.select(ids.c.value))))

    Attributes:
        sql: The text.
        parameters: The names that a caller passes, in the order in which Core bound them.
        make_row: Turns what SQLite returns into a row.

    Raises:
        TypeError: The construct needs work at every execution: a list parameter, a default of a
            column computed in Python, a type with a conversion of its own. Or a column of the
            result has no name to reach it by.
    """

    __slots__ = ("_constants", "_names", "make_row", "parameters", "sql")

    def __init__(self, construct: Construct) -> None:
        compiled = _compile(construct)
        self.sql = str(compiled)
        self.parameters = tuple(
            name for bound, name in compiled.bind_names.items() if bound.required
        )
        for name in self.parameters:
            if not name.isidentifier():
                raise TypeError(f"parameter {name!r} cannot be passed by keyword")
        self._names = frozenset(self.parameters)
        self._constants = {
            name: value for name, value in compiled.params.items() if name not in self._names
        }
        self.make_row = _row_maker(_columns(construct))

    def bind(self, params: dict[str, Any]) -> dict[str, Any]:
        """All values that SQLite needs.

        Raises:
            TypeError: A parameter is missing, or there is one that the statement does not have.
        """
        if params.keys() != self._names:
            wrong = ", ".join(sorted(params.keys() ^ self._names))
            raise TypeError(f"missing or unknown parameters: {wrong}")
        return self._constants | params if self._constants else params


def _compile(construct: Construct) -> sa.sql.compiler.SQLCompiler:
    dialect = sqlite.dialect(paramstyle="named")
    try:
        compiled: sa.sql.compiler.SQLCompiler = construct.compile(
            dialect=dialect, compile_kwargs={"render_postcompile": True}
        )
    except sa.exc.InvalidRequestError as error:
        raise TypeError(f"a list cannot be a parameter, pass it as JSON: {error}") from error
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError("defaults that Python computes are not applied: pass the value")
    for bound in compiled.bind_names:
        plain = isinstance(bound.type, sa.Boolean)
        if not plain and bound.type.dialect_impl(dialect).bind_processor(dialect) is not None:
            raise TypeError(f"{bound.key} is of type {bound.type!r}, which SQLite does not know")
    return compiled


def _columns(construct: Construct) -> dict[str, bool]:
    """Names of the result's columns, and whether each is a bool."""
    if isinstance(construct, sa.Insert | sa.Update | sa.Delete):
        pairs = [(each["name"], each["type"]) for each in construct.returning_column_descriptions]
    else:
        pairs = [(name, each.type) for name, each in construct.exported_columns.items()]
    return {name: isinstance(type_, sa.Boolean) for name, type_ in pairs}


def _row_maker(columns: dict[str, bool]) -> Callable[[tuple[Any, ...]], Row]:
    try:
        row_type = namedtuple("Row", columns)  # type: ignore[misc]  # noqa: PYI024
    except ValueError as error:
        raise TypeError(f"a column needs a label: {error}") from error
    flags = tuple(index for index, flag in enumerate(columns.values()) if flag)
    if not flags:
        return row_type._make

    def make_row(values: tuple[Any, ...]) -> Row:
        converted = list(values)
        for index in flags:
            if converted[index] is not None:
                converted[index] = converted[index] != 0
        return row_type._make(converted)

    return make_row
