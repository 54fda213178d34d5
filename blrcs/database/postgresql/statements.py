"""Statements as PostgreSQL's driver runs them."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from asyncpg.prepared_stmt import PreparedStatement

from blrcs.database.postgresql.connection import Connection
from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.statement import Bound, Row, Statement

Result = TypeVar("Result")

LEAST_LOADED = 8
"""Rows that are worth a COPY, which is parsed each time."""

_FIRST = PreparedStatement.fetchrow
_ALL = PreparedStatement.fetch


async def _status(prepared: PreparedStatement, *values: Any) -> str:
    await prepared.fetch(*values)
    status: str = prepared.get_statusmsg()
    return status


class Statements:
    """The port's four ways to run a statement, on whatever connection ``_run`` gives."""

    @abstractmethod
    async def _run(
        self, step: Callable[[Connection], Awaitable[Result]], *, writes: bool = False
    ) -> Result:
        """What a step gives on a connection; raises what the port names.

        Args:
            step: What is done there.
            writes: Whether it may change anything.
        """

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        compiled = statement.compiled(POSTGRESQL)
        values = compiled.bind(params)
        status: str = await self._run(
            lambda held: held.run(compiled.sql, values, _status), writes=True
        )
        # Such as UPDATE 3, or INSERT 0 1.
        return int(status.rpartition(" ")[2])

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port. All are sent at once."""
        compiled = statement.compiled(POSTGRESQL)
        values = compiled.bind_many(rows)
        table = statement.loads
        if table is not None and len(values) >= LEAST_LOADED:
            await self._run(lambda held: held.load(table, values), writes=True)
        elif len(values) == 1:
            await self._run(lambda held: held.run(compiled.sql, values[0], _status), writes=True)
        elif values:
            await self._run(lambda held: held.run_many(compiled.sql, values), writes=True)

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        compiled = statement.compiled(POSTGRESQL)
        values = compiled.bind(params)
        record = await self._run(lambda held: held.run(compiled.sql, values, _FIRST))
        return None if record is None else compiled.make_row(record)

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        compiled = statement.compiled(POSTGRESQL)
        values = compiled.bind(params)
        records = await self._run(lambda held: held.run(compiled.sql, values, _ALL))
        return list(map(compiled.make_row, records))
