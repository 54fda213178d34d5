"""Reads of SQLite that are done when they return."""

from collections.abc import Callable
from typing import Any, TypeVar

from blrcs.database.adapter import BlockingReader, Operation
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.port_transaction import at_once, run_to_its_end
from blrcs.database.statement import Row, Statement

Result = TypeVar("Result")


class SqliteReader(BlockingReader):
    """The reading connection of the database that the server has opened."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        return self._database.fetch_one(statement, **params)

    def finder(self, statement: Statement, *names: str) -> Callable[..., Row | None]:
        """See the port."""
        return self._database.finder(statement, names) or super().finder(statement, *names)

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        return self._database.fetch_all(statement, **params)

    def run(self, operation: Operation[Result]) -> Result:
        """See the port."""
        return self._database.read(
            lambda statements: run_to_its_end(operation(at_once(statements)))
        )
