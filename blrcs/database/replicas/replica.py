"""One replica, as far as it is known."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from types import TracebackType

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import DatabaseOpenError, unavailable
from blrcs.database.replicas.position import Position, Positions
from blrcs.database.replicas.samples import NEVER_S, Samples

ANSWER_TIMEOUT_S = 2.0


class Replica:
    """A replica that is opened when it can be, and read from while it is known to keep up.

    Attributes:
        name: For people and metrics.
        position: What a read that begins now sees at least; None before it was first told.
        as_of_s: All that the primary had acknowledged by then is there, by the loop's clock.
        in_flight: Reads that run on it.
        database: It, once it has been opened.
        running: Cut off what runs on it.

    Args:
        name: See above.
        connect: Opens it.
        positions: How its position is asked for.
        samples: Where the primary was, and when.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Awaitable[DatabaseAdapter]],
        positions: Positions,
        samples: Samples,
    ) -> None:
        self.name = name
        self.position: Position | None = None
        self.as_of_s = NEVER_S
        self.in_flight = 0
        self._connect = connect
        self._positions = positions
        self._samples = samples
        self.database: DatabaseAdapter | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.running: set[asyncio.Timeout] = set()

    def has_all(self, positions: Sequence[Position]) -> bool:
        """Whether a read that begins now sees all of them."""
        known = self.position
        return known is not None and all(map(known.covers, positions))

    async def open(self, origin: str) -> None:
        """Opens it, unless it is open.

        Raises:
            DatabaseOpenError: It cannot be reached, or is a replica of another database.
        """
        if self.database is not None:
            return
        database = await self._connect()
        try:
            own = await self._positions.origin(database)
        except BaseException:
            await database.close()
            raise
        if own != origin:
            await database.close()
            raise DatabaseOpenError(self.name, "it is no replica of the primary")
        self.database = database

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
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            position = await self._positions.applied(database)
        if position is None:
            raise unavailable()
        self.position = position
        self.as_of_s = max(self.as_of_s, self._samples.as_of_s(position))

    def _refreshed(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; there may be nobody any more


class Loan:
    """A replica for the length of a block.

    Raises:
        UnavailableError: It was given up.
    """

    __slots__ = ("_replica", "_scope")

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._scope = asyncio.timeout(None)

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
