"""One replica, as far as it is known."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from types import TracebackType

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import DatabaseOpenError, unavailable
from blrcs.database.pool import PoolObserver
from blrcs.database.replicas.position import Position, Positions
from blrcs.database.replicas.samples import NEVER_S, Samples

ANSWER_TIMEOUT_S = 2.0


class Replica:
    """A replica that is opened when it can be, and read from while it is known to keep up.

    What is known of it is known of what its connections lead to. One that is opened later may lead
    to another server, or to the same one after a crash, which begins before where it had been.

    Attributes:
        name: For people and metrics.
        position: What a read that begins now sees at least; None before it was first told.
        as_of_s: All that the primary had acknowledged by then is there, by the loop's clock.
        in_flight: Reads that run on it.
        database: It, once it has been opened.
        running: Cut off what runs on it.
        opened: How many connections were, in all.
        proven: How many were when it was last asked for its position.

    Args:
        name: See above.
        connect: Opens it, with an observer of its connections.
        positions: How its position is asked for.
        samples: Where the primary was, and when.
        observer: Is told of its connections, too.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[PoolObserver], Awaitable[DatabaseAdapter]],
        positions: Positions,
        samples: Samples,
        observer: PoolObserver,
    ) -> None:
        self.name = name
        self.position: Position | None = None
        self.as_of_s = NEVER_S
        self.in_flight = 0
        self.opened = 0
        self.proven = 0
        self._connect = connect
        self._observer = _Connections(self, observer)
        self._origin: str | None = None
        self._positions = positions
        self._samples = samples
        self.database: DatabaseAdapter | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.running: set[asyncio.Timeout] = set()

    @property
    def is_proven(self) -> bool:
        """Whether what is known of it is known of all its connections."""
        return self.proven == self.opened

    def has_all(self, positions: Sequence[Position]) -> bool:
        """Whether a read that begins now, over a connection that is there, sees all of them."""
        known = self.position
        return known is not None and self.is_proven and all(map(known.covers, positions))

    async def open(self, origin: str) -> None:
        """Opens it, unless it is open.

        Raises:
            DatabaseOpenError: It cannot be reached, or is a replica of another database.
        """
        if self.database is not None:
            return
        database = await self._connect(self._observer)
        try:
            await self._require_origin(database, origin)
        except BaseException:
            await database.close()
            raise
        self.database, self._origin = database, origin

    async def refresh(self) -> None:
        """Asks how far it has come; many who ask at the same time ask once.

        Raises:
            Exception: What reads raise; TimeoutError after ``ANSWER_TIMEOUT_S``.
        """
        if self._refreshing is None:
            # On behalf of nobody, so that nobody's deadline is that of the others.
            refreshing = self._refresh()
            self._refreshing = asyncio.get_running_loop().create_task(refreshing, context=Context())
            self._refreshing.add_done_callback(self._refreshed)
        await asyncio.shield(self._refreshing)

    def lend(self) -> "Loan":
        """It, for one read, which is cut off when it is given up."""
        return Loan(self)

    def give_up(self) -> None:
        """It does not answer: what runs on it is cut off, and it is unknown how far it is."""
        self.position = None
        self.as_of_s = NEVER_S
        now_s = asyncio.get_running_loop().time()
        while self.running:
            self.running.pop().reschedule(now_s)

    async def close(self) -> None:
        """Closes its connections."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        if self.database is not None:
            await self.database.close()

    async def _refresh(self) -> None:
        database = self.database
        if database is None:
            raise unavailable()
        opened = self.opened
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            if self._origin is not None and not self.is_proven:
                await self._require_origin(database, self._origin)
            position = await self._positions.applied(database)
        if position is None:
            raise unavailable()
        if self.position is not None and not position.covers(self.position):
            self.as_of_s = NEVER_S  # it is not where it was
        self.position, self.proven = position, opened
        self.as_of_s = max(self.as_of_s, self._samples.as_of_s(position))

    async def _require_origin(self, database: DatabaseAdapter, origin: str) -> None:
        if await self._positions.origin(database) != origin:
            raise DatabaseOpenError(self.name, "it is no replica of the primary")

    def _refreshed(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; there may be nobody any more


class Loan:
    """A replica for the length of a block.

    Attributes:
        is_proven: Whether what was known of the replica is known of the connection that was taken.

    Raises:
        UnavailableError: It was given up.
    """

    __slots__ = ("_proven", "_replica", "_scope", "is_proven")

    def __init__(self, replica: Replica) -> None:
        self.is_proven = True
        self._replica = replica
        self._proven = replica.proven
        self._scope = asyncio.timeout(None)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes what connection is taken within the block."""
        before = _noting.set(self)
        try:
            yield
        finally:
            _noting.reset(before)

    def taken(self) -> None:
        """A connection was: any that has been opened by now."""
        if self._proven != self._replica.opened:
            self.is_proven = False

    async def __aenter__(self) -> DatabaseAdapter:
        replica = self._replica
        if replica.database is None:
            raise unavailable()
        await self._scope.__aenter__()
        replica.in_flight += 1
        replica.running.add(self._scope)
        return replica.database

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        replica = self._replica
        replica.in_flight -= 1
        replica.running.discard(self._scope)
        try:
            await self._scope.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise unavailable() from None


class _Connections:
    """Tells a replica and its loans of connections, and another observer of everything."""

    def __init__(self, replica: Replica, observer: PoolObserver) -> None:
        self._replica = replica
        self._tell_opened = observer.opened
        self._tell_in_use = observer.in_use
        self.closed = observer.closed
        self.waiting = observer.waiting
        self.waited = observer.waited
        self.exhausted = observer.exhausted
        self.circuit = observer.circuit

    def opened(self, *, overflow: bool) -> None:
        self._replica.opened += 1
        self._tell_opened(overflow=overflow)

    def in_use(self, change: int) -> None:
        loan = _noting.get()
        if loan is not None and change > 0:
            loan.taken()
        self._tell_in_use(change)


_noting: ContextVar[Loan | None] = ContextVar("noting", default=None)
"""The loan for which a connection is taken; observers are told of that by who takes it."""
