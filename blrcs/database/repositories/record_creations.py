"""Creations of records that come at the same time."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import NamedTuple

from blrcs.application.ports.records import PlannedWrite
from blrcs.domain.collection import Collection
from blrcs.domain.errors import ResourceExhaustedError
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey

MAX_TOGETHER = 256
MAX_BYTES_TOGETHER = 1 << 20
MAX_WAITING = 8192
FULL_RETRY_AFTER_NS = 100_000_000

Write = Callable[[Collection, Sequence[PlannedWrite], int], Awaitable[Sequence[Record | None]]]
"""Carries out writes to records of a collection at some time, all or none."""


class _Waiting(NamedTuple):
    """A creation, by the collection that was known when it was planned, and who waits for it."""

    collection: Collection
    write: PlannedWrite
    now_ns: int
    size_bytes: int
    created: asyncio.Future[Record | None]


class RecordCreations:
    """Creates records of a collection together that are asked for while others are written.

    For a database with one writer, whose transactions would wait for one another. Each creation is
    still by itself: where one cannot be carried out, those that were to be with it are carried out
    without it. Whoever is cancelled may find the record there.

    Belongs to the event loop.

    Args:
        write: Is given one creation or several, of different ids.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: defaultdict[CollectionKey, deque[_Waiting]] = defaultdict(deque)
        self._running: dict[CollectionKey, asyncio.Task[None]] = {}

    async def add(
        self, collection: Collection, write: PlannedWrite, created: Record, now_ns: int
    ) -> Record | None:
        """Creates a record, and returns and raises what writing it alone would.

        Raises:
            ResourceExhaustedError: Too many wait already.
        """
        key = collection.key
        waiting = self._waiting[key]
        if len(waiting) >= MAX_WAITING:
            raise ResourceExhaustedError(
                "WRITE_QUEUE_FULL",
                "too many writes are waiting",
                retry_after_ns=FULL_RETRY_AFTER_NS,
            )
        future: asyncio.Future[Record | None] = asyncio.get_running_loop().create_future()
        waiting.append(_Waiting(collection, write, now_ns, created.size_bytes, future))
        if key not in self._running:
            # Not before others of this moment are there as well, and for none of them alone: what
            # is known of a call, as its deadline, is not known of all.
            self._running[key] = asyncio.create_task(self._run(key), context=Context())
        return await future

    async def _run(self, key: CollectionKey) -> None:
        """Carries out what waits for a collection, until there is nothing left."""
        waiting = self._waiting[key]
        try:
            while group := _together(waiting):
                await self._carry_out(group)
        finally:
            # With nothing between this and the last look, so that nobody is left waiting.
            del self._running[key], self._waiting[key]
            for each in waiting:
                each.created.cancel()

    async def _carry_out(self, group: Sequence[_Waiting]) -> None:
        now_ns = max(each.now_ns for each in group)
        try:
            written = await self._write(group[0].collection, [each.write for each in group], now_ns)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            if len(group) > 1:
                for each in group:
                    await self._carry_out([each])
            elif not group[0].created.done():
                group[0].created.set_exception(error)
        except BaseException:
            for each in group:
                each.created.cancel()
            raise
        else:
            for each, record in zip(group, written, strict=True):
                if not each.created.done():
                    each.created.set_result(record)


def _together(waiting: deque[_Waiting]) -> list[_Waiting]:
    """Takes those off that can be created in one transaction: the first ones."""
    group: list[_Waiting] = []
    ids: set[str] = set()
    size_bytes = 0
    while waiting and len(group) < MAX_TOGETHER:
        first = waiting[0]
        record_id = first.write.record_id
        size_bytes += first.size_bytes
        if group and (
            first.collection is not group[0].collection
            or record_id in ids
            or size_bytes > MAX_BYTES_TOGETHER
        ):
            break
        waiting.popleft()
        # Of those that have gone nothing is written.
        if not first.created.done():
            group.append(first)
            ids.add(record_id)
    return group
