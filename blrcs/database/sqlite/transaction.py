"""What an operation sees of its transaction."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from blrcs.database.sqlite.connection import Connection
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.statement import Bound, Column, Row, Statement, rows_of

MOST_COLUMNS = 64
"""Of SqliteInserts."""


class Transaction:
    """The writer's transaction, lent to one operation while it runs.

    It sees what earlier operations of its group have written. SQLite's errors are raised through:
    ``sqlite3.IntegrityError`` tells a conflict, and the operation may go on after catching it. It
    lets all others pass: with them SQLite may have ended the transaction.
    """

    __slots__ = ("_connection", "_inserts")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._inserts = None
        if isinstance(connection, Connection) and connection.inserts.is_available:
            self._inserts = connection.inserts

    def execute(self, statement: Statement, /, **params: Any) -> int:
        """Runs it and returns the number of rows it changed."""
        compiled = statement.compiled(SQLITE)
        return self._connection.execute(compiled.sql, compiled.bind(params)).rowcount

    def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """Runs it once for each row of parameters."""
        compiled = statement.compiled(SQLITE)
        bound = compiled.bind_many(rows)
        table = statement.loads
        if (
            self._inserts is not None
            and table is not None
            and len(bound) > 1
            and _can_be_loaded(table)
        ):
            columns = tuple(map(list, zip(*bound, strict=True)))
            self._inserts.insert(table.name, compiled.parameters, columns)
        else:
            self._connection.executemany(compiled.sql, bound)

    def execute_columns(self, statement: Statement, columns: Sequence[Column]) -> None:
        """Likewise, for rows that are given column by column."""
        compiled = statement.compiled(SQLITE)
        is_whole = compiled.is_in_order and len(columns) == len(compiled.parameters)
        inserts, table = self._inserts, statement.loads
        if inserts is not None and table is not None and is_whole and _can_be_loaded(table):
            inserts.insert(table.name, compiled.parameters, tuple(columns))
        else:
            self.execute_many(statement, rows_of(columns))

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row, or None where there is none."""
        compiled = statement.compiled(SQLITE)
        cursor = self._connection.execute(compiled.sql, compiled.bind(params))
        row = cursor.fetchone()
        # An unfinished cursor would hold its snapshot and keep the WAL from shrinking.
        cursor.close()
        return None if row is None else compiled.make_row(row)

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """All rows."""
        compiled = statement.compiled(SQLITE)
        rows = self._connection.execute(compiled.sql, compiled.bind(params)).fetchall()
        return list(map(compiled.make_row, rows))

    def open_cursor(self, statement: Statement, params: dict[str, Any]) -> sqlite3.Cursor:
        """Rows to be read bit by bit, and closed: until then it keeps the WAL from shrinking."""
        compiled = statement.compiled(SQLITE)
        return self._connection.execute(compiled.sql, compiled.bind(params))

    def read_on(self, cursor: sqlite3.Cursor, most: int) -> list[Any]:
        """The next rows of a cursor that was opened here, as the database has them."""
        return cursor.fetchmany(most)

    def define(self, texts: Sequence[str]) -> None:
        """Runs definitions of tables and the like."""
        for text in texts:
            self._connection.execute(text)

    def begin_savepoint(self, name: str) -> None:
        """What comes from here on can be undone alone."""
        self._connection.execute(f"SAVEPOINT {name}")

    def end_savepoint(self, name: str, *, keep: bool) -> None:
        """Keeps or undoes what came since; the savepoint is gone."""
        if not keep:
            self._connection.execute(f"ROLLBACK TO {name}")
        self._connection.execute(f"RELEASE {name}")


@cache
def _can_be_loaded(table: sa.Table) -> bool:
    """Whether SqliteInserts can have so many columns, and they are called as the parameters."""
    columns = table.columns
    return len(columns) <= MOST_COLUMNS and all(each.key == each.name for each in columns)
