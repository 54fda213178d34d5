"""What is in stock: read through the cache, changed in transactions."""

from collections.abc import Sequence

from blrcs.application.ports.cache import CacheStore
from blrcs.cache.strategies import Lifetimes, ReadThrough, StrategyMetrics
from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.statement import Row
from blrcs.domain.errors import FailedPreconditionError, NotFoundError
from inventory.tables import ITEM, ITEMS_AFTER, PUT_ITEM, SET_UNITS
from inventory.v1 import inventory_pb2

NAMESPACE = "inventory.items"
SECOND_NS = 1_000_000_000
LIFETIMES = Lifetimes(fresh_ns=60 * SECOND_NS, stale_ns=60 * SECOND_NS, negative_ns=5 * SECOND_NS)


class Stock:
    """Items, each cached as the message that is answered.

    Args:
        database: Has the tables.
        cache: That of the server, so that all workers forget what one has changed.
        metrics: Count what the cache answers.
    """

    def __init__(
        self, database: DatabaseAdapter, cache: CacheStore, metrics: StrategyMetrics
    ) -> None:
        self._database = database
        self._cached = ReadThrough(cache, NAMESPACE, LIFETIMES, load=self._load, metrics=metrics)

    async def get(self, sku: str) -> inventory_pb2.Item:
        """The item, as of the last change; NotFoundError if there is none."""
        found = await self._cached.get(sku)
        if found is None:
            raise NotFoundError(f"items/{sku}")
        return inventory_pb2.Item.FromString(found)

    async def list_after(self, sku: str, limit: int) -> Sequence[inventory_pb2.Item]:
        """Items in the order of their numbers, perhaps of a moment ago: from a replica, if any."""
        rows = await self._database.stale.fetch_all(ITEMS_AFTER, after=sku, most=limit)
        return [_item(row) for row in rows]

    async def put(self, item: inventory_pb2.Item) -> inventory_pb2.Item:
        """Adds the item, or replaces it."""
        await self._database.execute(PUT_ITEM, sku=item.sku, title=item.title, units=item.count)
        await self._cached.invalidate(item.sku)
        return item

    async def take(self, sku: str, units: int) -> inventory_pb2.Item:
        """Takes so many out of stock; FailedPreconditionError where there are fewer."""

        async def operation(transaction: Transaction) -> inventory_pb2.Item:
            row = await transaction.fetch_one(ITEM, of_sku=sku)
            if row is None:
                raise NotFoundError(f"items/{sku}")
            if row.units < units:
                raise FailedPreconditionError("OUT_OF_STOCK", f"there are {row.units} left")
            left = row.units - units
            await transaction.execute(SET_UNITS, of_sku=sku, new_units=left)
            return inventory_pb2.Item(sku=sku, title=row.title, count=left)

        taken = await self._database.run(operation)
        # Before it is acknowledged: whoever asks then is told of it.
        await self._cached.invalidate(sku)
        return taken

    async def close(self) -> None:
        """Loads nothing more."""
        await self._cached.close()

    async def _load(self, sku: str) -> bytes | None:
        row = await self._database.fetch_one(ITEM, of_sku=sku)
        return None if row is None else _item(row).SerializeToString()


def _item(row: Row) -> inventory_pb2.Item:
    sku, title, units = row
    return inventory_pb2.Item(sku=sku, title=title, count=units)
