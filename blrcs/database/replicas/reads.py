"""Reads that may be of a moment ago."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from blrcs.database.adapter import DatabaseAdapter, Reads, Transaction
from blrcs.database.errors import SerializationError
from blrcs.database.replicas.group import ReplicaGroup, ReplicaObserver
from blrcs.database.replicas.position import Position, Positions
from blrcs.database.statement import Row, Statement
from blrcs.domain.consistency import consistency
from blrcs.domain.errors import UnavailableError

Result = TypeVar("Result")

PRIMARY = "primary"
_PASSED_ON = (UnavailableError, SerializationError)
"""A replica that is gone, and one whose own recovery ended the query (PostgreSQL's 40001)."""


class ReplicaReads(Reads):
    """Reads from a replica that keeps up and has what the caller has seen; else the primary.

    What fails because of a replica is read from the next one. A call that has written reads from
    the primary.

    Args:
        primary: Has everything.
        group: The replicas.
        positions: Reads what tokens stand for.
        observer: Is told where reads went.
    """

    def __init__(
        self,
        primary: DatabaseAdapter,
        group: ReplicaGroup,
        positions: Positions,
        observer: ReplicaObserver,
    ) -> None:
        self._primary = primary
        self._group = group
        self._positions = positions
        self._observer = observer

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See Reads."""
        return await self._read(lambda source: source.fetch_one(statement, **params))

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See Reads."""
        return await self._read(lambda source: source.fetch_all(statement, **params))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """See Reads. A replica that is lost within the block is an error of the block."""
        async with AsyncExitStack() as stack:
            yield await self._begin(stack)

    async def _begin(self, stack: AsyncExitStack) -> Transaction:
        wanted = self._wanted()
        for replica in [] if wanted is None else await self._group.candidates(wanted):
            async with AsyncExitStack() as own:
                try:
                    source = await own.enter_async_context(replica.lend())
                    transaction = await own.enter_async_context(source.snapshot())
                except _PASSED_ON:
                    continue
                await stack.enter_async_context(own.pop_all())
                self._observer.read(replica.name)
                return transaction
        self._observer.read(PRIMARY)
        return await stack.enter_async_context(self._primary.snapshot())

    async def _read(self, read: Callable[[DatabaseAdapter], Awaitable[Result]]) -> Result:
        wanted = self._wanted()
        for replica in [] if wanted is None else await self._group.candidates(wanted):
            try:
                async with replica.lend() as source:
                    result = await read(source)
            except _PASSED_ON:
                continue
            self._observer.read(replica.name)
            return result
        self._observer.read(PRIMARY)
        return await read(self._primary)

    def _wanted(self) -> Sequence[Position] | None:
        """What has to be seen; None where only the primary is known to have it."""
        call = consistency.get()
        if call is None:
            return ()
        if call.has_written:
            return None
        positions = [self._positions.parse(token) for token in call.tokens]
        found = [each for each in positions if each is not None]
        return found if len(found) == len(positions) else None
