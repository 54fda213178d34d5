"""Reads that may be of a moment ago."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from blrcs.database.adapter import DatabaseAdapter, Reads, Transaction
from blrcs.database.errors import SerializationError
from blrcs.database.replicas.group import ReplicaGroup, ReplicaObserver
from blrcs.database.replicas.position import Position, Positions
from blrcs.database.replicas.replica import Loan, Replica
from blrcs.database.statement import Row, Statement
from blrcs.domain.consistency import PRIMARY, consistency
from blrcs.domain.errors import UnavailableError

Result = TypeVar("Result")

TRIES = 2
"""At each replica: the first one is lost where a connection had to be opened for it."""
_PASSED_ON = (UnavailableError, SerializationError)
"""A replica that is gone, and one whose own recovery ended the query (PostgreSQL's 40001)."""


class ReplicaReads(Reads):
    """Reads from a replica that keeps up and has what the caller has seen; else the primary.

    What fails because of a replica is read from the next one. A call that has written reads from
    the primary. What a new connection answers is asked again, once it is known what is behind it.

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
        async def begin(loan: Loan) -> Transaction:
            async with AsyncExitStack() as own:
                source = await own.enter_async_context(loan)
                with loan.noted():
                    transaction = await own.enter_async_context(source.snapshot())
                if loan.is_proven:
                    await stack.enter_async_context(own.pop_all())
                return transaction

        if found := await self._of_replicas(begin):
            return found[0]
        return await stack.enter_async_context(self._primary.snapshot())

    async def _read(self, read: Callable[[DatabaseAdapter], Awaitable[Result]]) -> Result:
        async def answer(loan: Loan) -> Result:
            async with loan as source:
                with loan.noted():
                    return await read(source)

        if found := await self._of_replicas(answer):
            return found[0]
        return await read(self._primary)

    async def _of_replicas(
        self, use: Callable[[Loan], Awaitable[Result]]
    ) -> tuple[Result] | tuple[()]:
        """What the first replica answers that is known to have what is wanted; nothing of none."""
        wanted = self._wanted()
        for replica in await self._candidates(wanted):
            with suppress(*_PASSED_ON):
                for _ in range(TRIES):
                    loan = await self._group.lend(replica, wanted or ())
                    result = await use(loan)
                    if loan.is_proven:
                        self._observer.read(replica.name)
                        return (result,)
        self._observer.read(PRIMARY)
        return ()

    async def _candidates(self, wanted: Sequence[Position] | None) -> Sequence[Replica]:
        return () if wanted is None else await self._group.candidates(wanted)

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
