"""Reads of SQLite that are done when they return."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import BlockingReader, Operation
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.sqlite.port_transaction import carry_out
from blrcs.database.statement import Row, Statement
from blrcs_native.databases.sqlite_point import SqlitePoint, is_available

Result = TypeVar("Result")


class SqliteReader(BlockingReader):
    """The reading connection of the database that the server has opened.

    Args:
        database: The file, open.
        path: Where it is.
    """

    def __init__(self, database: SqliteDatabase, path: Path) -> None:
        self._database = database
        self._path = path
        self._points: list[SqlitePoint] = []

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        return self._database.fetch_one(statement, **params)

    def finder(self, statement: Statement, *names: str) -> Callable[..., Row | None]:
        """See the port."""
        return self._database.finder(statement, names) or super().finder(statement, *names)

    def point(self, statement: Statement, *names: str, clock: Clock) -> SqlitePoint | None:
        """See the port. On a connection of its own, which ``close`` closes."""
        compiled = statement.compiled(SQLITE)
        if not is_available or compiled.bind({name: name for name in names}) != names:
            return None
        point = SqlitePoint(self._path, *_with_rows(statement), clock=clock)
        self._points.append(point)
        return point

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        return self._database.fetch_all(statement, **params)

    def run(self, operation: Operation[Result]) -> Result:
        """See the port."""
        return self._database.read(lambda statements: carry_out(operation, statements))

    def close(self) -> None:
        """Points find nothing more."""
        for each in self._points:
            each.close()


def _with_rows(statement: Statement) -> tuple[str, str | None]:
    """A statement that gives the number of its row as well, and one that finds it by that."""
    construct = statement.construct(SQLITE)
    if not isinstance(construct, sa.Select):
        return statement.compiled(SQLITE).sql, None
    number = sa.literal_column("rowid", sa.BigInteger())
    there = construct.where(number == sa.bindparam("row_number"))
    numbered = Statement(construct.add_columns(number.label("row_number")))
    return numbered.compiled(SQLITE).sql, Statement(there).compiled(SQLITE).sql
