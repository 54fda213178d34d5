"""Carries logged writes out in a database, each once."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from blrcs.application.ports.write_sink import WriteRefusedError
from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER, TEXT
from blrcs.database.upsert import upsert
from blrcs.domain.logged_write import Applied, LoggedWrite

applied_writes = sa.Table(
    "applied_writes",
    sa.MetaData(),
    sa.Column("log", KEY, primary_key=True),
    sa.Column("up_to", NUMBER, nullable=False),
    sa.Column("but", TEXT, nullable=False),
)
"""What of each log has been dealt with; ``but`` is a JSON list of sequences."""

_OF_LOG = Statement(
    sa.select(applied_writes.c.up_to, applied_writes.c.but).where(
        applied_writes.c.log == sa.bindparam("of_log")
    )
)
_KEEP = upsert(applied_writes)

Write = Callable[[Transaction, Sequence[LoggedWrite]], Awaitable[None]]
"""Carries out writes in their order, waiting for nothing but the transaction."""


class DatabaseSink:
    """A WriteSink whose writes are committed together with what is applied.

    Both are one transaction, so that a write takes effect once, however often and at whatever
    instruction the process that asks is killed. A violated constraint is a refusal. A write that
    was taken down before is left out, and the transaction is run again where it meets another.

    Args:
        database: Where both go. It has the table ``applied_writes``: by ``open``, or by a migration
            of the service's own.
        write: Carries out the writes; raises WriteRefusedError where one can never succeed.
    """

    def __init__(self, database: DatabaseAdapter, write: Write) -> None:
        self._database = database
        self._write = write

    @classmethod
    async def open(cls, database: DatabaseAdapter, write: Write) -> Self:
        """Makes the table where it is missing."""
        await database.define(CreateTable(applied_writes, if_not_exists=True))
        return cls(database, write)

    async def applied(self, log: str) -> Applied:
        """See the port."""
        return _applied(await self._database.fetch_one(_OF_LOG, of_log=log))

    async def apply(self, log: str, writes: Sequence[LoggedWrite], applied: Applied) -> None:
        """See the port."""

        async def operation(transaction: Transaction) -> None:
            before = _applied(await transaction.fetch_one(_OF_LOG, of_log=log))
            left = [write for write in writes if not before.has(write.sequence)]
            if left:
                await self._write(transaction, left)
            but = json.dumps(sorted(applied.but))
            await transaction.execute(_KEEP, log=log, up_to=applied.up_to, but=but)

        try:
            await self._database.run(operation)
        except IntegrityViolationError as error:
            raise WriteRefusedError(f"a constraint forbids it: {error}") from error


def _applied(row: sa.Row[tuple[int, str]] | None) -> Applied:
    return Applied() if row is None else Applied(row.up_to, frozenset(json.loads(row.but)))
