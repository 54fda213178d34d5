"""What an operation sees of its transaction."""

import sqlite3
from typing import Any

from blrcs.database.statement import Row, Statement


class Transaction:
    """The writer's transaction, lent to one operation while it runs.

    It sees what earlier operations of its group have written. SQLite's errors are raised through:
    ``sqlite3.IntegrityError`` tells a conflict, and the operation may go on after catching it. It
    lets all others pass: with them SQLite may have ended the transaction.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: Statement, /, **params: Any) -> int:
        """Runs it and returns the number of rows it changed."""
        return self._connection.execute(statement.sql, statement.bind(params)).rowcount

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row, or None where there is none."""
        return fetch_one(self._connection, statement, params)

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """All rows."""
        return fetch_all(self._connection, statement, params)


def fetch_one(
    connection: sqlite3.Connection, statement: Statement, params: dict[str, Any]
) -> Row | None:
    """The first row of what the statement returns, or None."""
    cursor = connection.execute(statement.sql, statement.bind(params))
    row = cursor.fetchone()
    cursor.close()  # an unfinished cursor would hold its snapshot and keep the WAL from shrinking
    return None if row is None else statement.make_row(row)


def fetch_all(
    connection: sqlite3.Connection, statement: Statement, params: dict[str, Any]
) -> list[Row]:
    """All rows that the statement returns."""
    rows = connection.execute(statement.sql, statement.bind(params)).fetchall()
    return list(map(statement.make_row, rows))
