"""A SQL statement, built and compiled once.

SQLAlchemy Core takes some 200 us to build and compile a select; SQLite runs it in 10, PostgreSQL in
30. So a statement is built at import and compiled for a database when it is first run there, and
running it touches SQLAlchemy no more.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any, cast

import sqlalchemy as sa

from blrcs.database.dialect import Dialect

Construct = sa.Select[Any] | sa.CompoundSelect[Any] | sa.Insert | sa.Update | sa.Delete

Row = Any
"""A named tuple with the columns of its statement."""

Values = dict[str, Any] | tuple[Any, ...]
Bound = Mapping[str, Any] | tuple[Any, ...]
"""Parameters of a statement by their names, or the values of all in the order of ``parameters``."""
Picker = Callable[[Mapping[str, Any]], tuple[Any, ...]]

Column = list[Any] | range | str | bytes | int | None
"""What rows have in one place: a value for each of them, or one for all."""


def rows_of(columns: Sequence[Column]) -> list[tuple[Any, ...]]:
    """Rows of their columns, of which one at least has a value for each row."""
    each = [column if isinstance(column, list | range) else repeat(column) for column in columns]
    return list(zip(*each, strict=False))


class CompiledStatement:
    """A statement's text for one database, with its parameters.

    Values go to the driver as they are, so that only types that need no conversion may be bound.
    Columns of Boolean type come back as bool, all others as the driver gives them.

    Attributes:
        sql: The text.
        parameters: The names that a caller passes, in the order in which Core bound them.
        is_in_order: Whether the driver needs their values in that order, and no others.
        make_row: Turns what the driver returns into a row.
        converts: Whether that changes any value.
    """

    __slots__ = (
        "_constants",
        "_in_order",
        "_names",
        "converts",
        "is_in_order",
        "make_row",
        "parameters",
        "sql",
    )

    def __init__(self, construct: Construct, dialect: Dialect) -> None:
        compiled = _compile(construct, dialect)
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
        positions = tuple(compiled.positiontup or ())
        self._in_order = _picker(positions) if dialect.is_positional else None
        self.is_in_order = dialect.is_positional and positions == self.parameters
        columns = _columns(construct)
        self.converts = not dialect.has_booleans and any(columns.values())
        self.make_row = _row_maker(columns, converts=self.converts)

    def bind(self, params: dict[str, Any]) -> Values:
        """All values that the driver needs: by name, or in their order.

        Raises:
            TypeError: A parameter is missing, or there is one that the statement does not have.
        """
        if params.keys() != self._names:
            wrong = ", ".join(sorted(params.keys() ^ self._names))
            raise TypeError(f"missing or unknown parameters: {wrong}")
        values = self._constants | params if self._constants else params
        return values if self._in_order is None else self._in_order(values)

    def bind_many(self, rows: Sequence[Bound]) -> Sequence[Any]:
        """As ``bind``, of each row; either all of them are tuples, or none is."""
        if rows and isinstance(rows[0], tuple):
            count = len(self.parameters)
            if self.is_in_order and set(map(len, rows)) == {count}:
                return rows
            return [self.bind(self._named(row)) for row in rows]
        return self._bind_named(cast(Sequence[Mapping[str, Any]], rows))

    def _named(self, row: Bound) -> dict[str, Any]:
        try:
            return dict(zip(self.parameters, row, strict=True))
        except ValueError:
            raise TypeError(f"{len(row)} values for {len(self.parameters)} parameters") from None

    def _bind_named(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        if self._in_order is None or self._constants:
            return [self.bind(dict(row)) for row in rows]
        count = len(self._names)
        try:
            # One that has all names, and not more of them, has no others.
            bound = [self._in_order(row) for row in rows if len(row) == count]
        except KeyError:
            bound = []
        return bound if len(bound) == len(rows) else [self.bind(dict(row)) for row in rows]


class Statement:
    """A statement for whatever database it is run on.

    A list as a parameter would need another text for each length and is refused; its database's
    adapter says how to pass one.

    Args:
        construct: What SQLAlchemy Core builds; or, where databases differ in more than Core knows,
            a function that builds it for the name of a dialect.
        is_scan: Whether it may go through many rows that it does not return. Where a database
            answers on the thread that asks, such a one is run elsewhere.
        loads: A table of which it inserts all columns. Many rows may go there in the way that the
            database has for loads, past what its rules say of inserts.
    """

    __slots__ = ("_compiled", "_construct", "is_scan", "loads")

    def __init__(
        self,
        construct: Construct | Callable[[str], Construct],
        *,
        is_scan: bool = False,
        loads: sa.Table | None = None,
    ) -> None:
        self.is_scan = is_scan
        self.loads = loads
        self._construct = construct
        self._compiled: dict[Dialect, CompiledStatement] = {}

    def compiled(self, dialect: Dialect) -> CompiledStatement:
        """Its text for a database.

        Raises:
            TypeError: The construct needs work at every execution: a list parameter, a default of
                a column computed in Python, a type with a conversion of its own. Or a column of
                the result has no name to reach it by.
        """
        found = self._compiled.get(dialect)
        if found is None:
            found = CompiledStatement(self.construct(dialect), dialect)
            self._compiled[dialect] = found
        return found

    def construct(self, dialect: Dialect) -> Construct:
        """What Core has built for a database."""
        construct = self._construct
        return construct(dialect.name) if callable(construct) else construct


def insert_into(table: sa.Table) -> Statement:
    """A statement that takes all columns of a table of our own."""
    return Statement(sa.insert(table), loads=table)


def _compile(construct: Construct, dialect: Dialect) -> sa.sql.compiler.SQLCompiler:
    try:
        compiled: sa.sql.compiler.SQLCompiler = construct.compile(
            dialect=dialect.compiler, compile_kwargs={"render_postcompile": True}
        )
    except sa.exc.InvalidRequestError as error:
        raise TypeError(f"a list cannot be a parameter: {error}") from error
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError("defaults that Python computes are not applied: pass the value")
    for bound in compiled.bind_names:
        plain = isinstance(bound.type, sa.Boolean)
        implementation = bound.type.dialect_impl(dialect.compiler)
        if not plain and implementation.bind_processor(dialect.compiler) is not None:
            raise TypeError(f"{bound.key} is of type {bound.type!r}, which needs a conversion")
    return compiled


def _picker(names: Sequence[str]) -> Picker:
    """What gives the values of some names in their order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(map(values.__getitem__, names))


def _columns(construct: Construct) -> dict[str, bool]:
    """Names of the result's columns, and whether each is a bool."""
    if isinstance(construct, sa.Insert | sa.Update | sa.Delete):
        pairs = [(each["name"], each["type"]) for each in construct.returning_column_descriptions]
    else:
        pairs = [(name, each.type) for name, each in construct.exported_columns.items()]
    return {name: isinstance(type_, sa.Boolean) for name, type_ in pairs}


def _row_maker(columns: dict[str, bool], *, converts: bool) -> Callable[[tuple[Any, ...]], Row]:
    try:
        row_type = namedtuple("Row", columns)  # type: ignore[misc]  # noqa: PYI024
    except ValueError as error:
        raise TypeError(f"a column needs a label: {error}") from error
    flags = tuple(index for index, flag in enumerate(columns.values()) if flag)
    if not converts:
        # As _make without counting them, which takes as long as all the rest of it.
        return partial(tuple.__new__, row_type)

    def make_row(values: tuple[Any, ...]) -> Row:
        converted = list(values)
        for index in flags:
            if converted[index] is not None:
                converted[index] = converted[index] != 0
        return row_type._make(converted)

    return make_row
