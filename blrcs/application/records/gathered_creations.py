"""Creations that come at the same time, gathered into groups."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Generic, NamedTuple, TypeVar

from blrcs.domain.errors import ResourceExhaustedError
from blrcs.domain.record_name import CollectionKey

MAX_TOGETHER = 256
MAX_BYTES_TOGETHER = 1 << 20
MAX_WAITING = 8192
FULL_RETRY_AFTER_NS = 100_000_000

Created = TypeVar("Created")


class Creation(NamedTuple):
    """What shall be created, and who waits for it.

    Attributes:
        record_id: No group has two of the same; an empty one is like no other.
        size_bytes: About as many as it has.
        like: Only those go together of which this is the same object.
        what: Anything else that has to be known of it.
        created: Settled by who carries it out, unless its caller has gone.
    """

    record_id: str
    size_bytes: int
    like: object
    what: Any
    created: asyncio.Future[Any]


CarryOut = Callable[[Sequence[Creation]], Awaitable[None]]
"""Creates a group, and settles all of it; raises only what ends the task.

It is cancelled when all who wait for the group have gone."""


class GatheredCreations(Generic[Created]):
    """Gathers creations in a collection while others are written there.

    For a database with one writer, whose transactions would wait for one another. Whoever is
    cancelled may find the record there. What nobody waits for any more is given up, so that a
    database that does not answer holds those up that come later no longer than others.

    Belongs to the event loop.

    Args:
        carry_out: Is given one creation or several.
        most: How many go together at most.
        most_bytes: As much as they have together at most, but for one by itself.
    """

    def __init__(
        self,
        carry_out: CarryOut,
        *,
        most: int = MAX_TOGETHER,
        most_bytes: int = MAX_BYTES_TOGETHER,
    ) -> None:
        self._carry_out = carry_out
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: defaultdict[CollectionKey, deque[Creation]] = defaultdict(deque)
        self._running: dict[CollectionKey, asyncio.Task[None]] = {}

    def add(
        self, key: CollectionKey, record_id: str, size_bytes: int, like: object, what: Any
    ) -> asyncio.Future[Created]:
        """What becomes of it.

        Raises:
            ResourceExhaustedError: Too many wait already.
        """
        waiting = self._waiting[key]
        if len(waiting) >= MAX_WAITING:
            raise ResourceExhaustedError(
                "WRITE_QUEUE_FULL",
                "too many writes are waiting",
                retry_after_ns=FULL_RETRY_AFTER_NS,
            )
        future: asyncio.Future[Created] = asyncio.get_running_loop().create_future()
        waiting.append(Creation(record_id, size_bytes, like, what, future))
        if key not in self._running:
            # Not before others of this moment are there as well, and for none of them alone: what
            # is known of a call, as its deadline, is not known of all. No factory of tasks is
            # asked, which may have them begin at once.
            self._running[key] = asyncio.Task(self._run(key), context=Context())
        return future

    async def _run(self, key: CollectionKey) -> None:
        """Carries out what waits for a collection, until there is nothing left."""
        waiting = self._waiting[key]
        group: Sequence[Creation] = ()
        try:
            while group := _together(waiting, self._most, self._most_bytes):
                await self._carry_out_while_awaited(group)
        finally:
            # With nothing between this and the last look, so that nobody is left waiting.
            del self._running[key], self._waiting[key]
            for each in (*group, *waiting):
                each.created.cancel()

    async def _carry_out_while_awaited(self, group: Sequence[Creation]) -> None:
        """Carries a group out, until all of its callers have gone."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                patience = _Patience(group, scope)
                try:
                    await self._carry_out(group)
                finally:
                    patience.end()
        except TimeoutError:
            if not scope.expired():
                raise


class _Patience:
    """Cuts off what is done for a group once nobody waits for any of it."""

    __slots__ = ("_left", "_scope")

    def __init__(self, group: Sequence[Creation], scope: asyncio.Timeout) -> None:
        self._left = iter(group)
        self._scope: asyncio.Timeout | None = scope
        self._look()

    def end(self) -> None:
        """It is done."""
        self._scope = None

    def _look(self, _: object = None) -> None:
        # One is watched at a time: mostly they end together, and to watch each costs each.
        for each in self._left:
            if not each.created.done():
                each.created.add_done_callback(self._look)
                return
        if self._scope is not None:
            self._scope.reschedule(0)


def _together(waiting: deque[Creation], most: int, most_bytes: int) -> list[Creation]:
    """Takes those off that can be created in one transaction: the first ones."""
    group: list[Creation] = []
    ids: set[str] = set()
    size_bytes = 0
    while waiting and len(group) < most:
        first = waiting[0]
        size_bytes += first.size_bytes
        if group and (
            first.like is not group[0].like or first.record_id in ids or size_bytes > most_bytes
        ):
            break
        waiting.popleft()
        # Of those that have gone nothing is written.
        if not first.created.done():
            group.append(first)
            if first.record_id:
                ids.add(first.record_id)
    return group
