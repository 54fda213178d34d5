"""A primary and its replicas, behind the port of databases."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Operation, Reads, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.replicas.group import ReplicaGroup, ReplicaObserver
from blrcs.database.replicas.monitor import Monitor
from blrcs.database.replicas.position import Positions
from blrcs.database.replicas.reads import ReplicaReads
from blrcs.database.retry import DEFAULT_ATTEMPTS
from blrcs.database.statement import Bound, Row, Statement
from blrcs.domain.consistency import PRIMARY, consistency
from blrcs.domain.errors import DomainError

Result = TypeVar("Result")


class ReplicatedDatabase(DatabaseAdapter):
    """The primary; ``stale`` alone reads from replicas.

    Args:
        primary: The database; closed with this one.
        group: Its replicas.
        positions: How positions are asked for.
        monitor: Looks after the replicas; running.
        observer: Is told where reads went.
    """

    def __init__(
        self,
        primary: DatabaseAdapter,
        group: ReplicaGroup,
        positions: Positions,
        monitor: Monitor,
        observer: ReplicaObserver,
    ) -> None:
        self.reader = primary.reader
        self.is_shared = primary.is_shared
        self._primary = primary
        self._group = group
        self._positions = positions
        self._monitor = monitor
        self._reads = ReplicaReads(primary, group, positions, observer)

    @property
    def dialect(self) -> Dialect:
        """See the port."""
        return self._primary.dialect

    @property
    def is_free(self) -> bool:
        """See the port: of the primary."""
        return self._primary.is_free

    @property
    def stale(self) -> Reads:
        """See the port."""
        return self._reads

    async def token(self) -> str:
        """What a caller shows to see all that was written before; see ``domain.consistency``.

        Where the primary does not tell any more, one that has the caller read from the primary.
        """
        try:
            return (await self._positions.written(self._primary)).token
        except DomainError:
            return PRIMARY

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        _note_write()
        return await self._primary.execute(statement, **params)

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        _note_write()
        await self._primary.execute_many(statement, rows)

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port: from the primary."""
        return await self._primary.fetch_one(statement, **params)

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port: from the primary."""
        return await self._primary.fetch_all(statement, **params)

    def transaction(
        self,
        *,
        isolation: Isolation = Isolation.REPEATABLE_READ,
        read_only: bool = False,
    ) -> AbstractAsyncContextManager[Transaction]:
        """See the port: on the primary."""
        if not read_only:
            _note_write()
        return self._primary.transaction(isolation=isolation, read_only=read_only)

    async def run(
        self,
        operation: Operation[Result],
        *,
        isolation: Isolation = Isolation.SERIALIZABLE,
        read_only: bool = False,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> Result:
        """See the port: on the primary."""
        if not read_only:
            _note_write()
        return await self._primary.run(
            operation, isolation=isolation, read_only=read_only, attempts=attempts
        )

    async def define(self, *elements: sa.schema.ExecutableDDLElement) -> None:
        """See the port."""
        _note_write()
        await self._primary.define(*elements)

    async def check(self) -> None:
        """See the port: the primary alone, since nothing needs replicas."""
        await self._primary.check()

    async def close(self) -> None:
        """See the port."""
        await self._monitor.stop()
        for replica in self._group.replicas:
            await replica.close()
        await self._primary.close()


def _note_write() -> None:
    """Before it is tried: what failed may have been done all the same."""
    call = consistency.get()
    if call is not None:
        call.has_written = True
