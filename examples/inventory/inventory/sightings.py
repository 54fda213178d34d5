"""Where items were last seen: many small writes, acknowledged when a log on disk has them."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from blrcs.application.ports.cache import CacheStore
from blrcs.application.ports.clock import Clock
from blrcs.cache.strategies import LoggedWrite, StrategyMetrics, WriteBehind
from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.write_sink import DatabaseSink
from inventory.tables import FORGET_SIGHTINGS, PUT_SIGHTING, SIGHTING

NAMESPACE = "inventory.sightings"
KEPT_NS = 30 * 86_400 * 1_000_000_000


class Sightings:
    """The last shelf of each item.

    Each worker has a log of its own, and the order of two logs is not known: so a sighting says
    when it was, and an older one never takes the place of a newer one.
    """

    def __init__(self, database: DatabaseAdapter, clock: Clock, writing: WriteBehind) -> None:
        self._database = database
        self._clock = clock
        self._writing = writing

    @classmethod
    async def open(
        cls,
        database: DatabaseAdapter,
        cache: CacheStore,
        directory: Path,
        clock: Clock,
        metrics: StrategyMetrics,
    ) -> "Sightings":
        """Goes on with what the directory's log holds."""
        sink = DatabaseSink(database, _store)
        writing = await WriteBehind.open(cache, NAMESPACE, directory, sink, metrics=metrics)
        return cls(database, clock, writing)

    async def report(self, sku: str, shelf: str) -> None:
        """Returns when the log has it."""
        await self._writing.put(sku, orjson.dumps([self._clock(), shelf]))

    async def shelf_of(self, sku: str) -> str:
        """Where the item was last seen; empty if nowhere."""
        pending = self._writing.pending(sku)
        if pending is not None and pending.value is not None:
            return orjson.loads(pending.value)[1]
        row = await self._database.fetch_one(SIGHTING, of_sku=sku)
        return "" if row is None else row.shelf

    async def forget_old(self) -> None:
        """Drops what was seen too long ago."""
        await self._database.execute(FORGET_SIGHTINGS, before_ns=self._clock() - KEPT_NS)

    async def close(self) -> None:
        """Stores what it can; the rest stays in the log."""
        await self._writing.close()


async def _store(transaction: Transaction, writes: Sequence[LoggedWrite]) -> None:
    newest: dict[str, tuple[int, str]] = {}
    for write in writes:
        seen_ns, shelf = orjson.loads(write.value or b"")
        newest[write.key] = max(newest.get(write.key, (0, "")), (seen_ns, shelf))
    for sku, (seen_ns, shelf) in newest.items():
        row = await transaction.fetch_one(SIGHTING, of_sku=sku)
        if row is None or row.seen_ns <= seen_ns:
            await transaction.execute(PUT_SIGHTING, sku=sku, shelf=shelf, seen_ns=seen_ns)
