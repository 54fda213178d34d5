"""Batches of plain records that come at the same time."""

from collections.abc import Awaitable, Callable, Sequence

from blrcs.application.ports.records import PlainRecords
from blrcs.application.records.gathered_creations import Creation, GatheredCreations
from blrcs.domain.collection import Collection

MOST_TOGETHER = 4
"""Who else writes to the collection waits for all of them."""
MOST_BYTES_TOGETHER = 4 << 20

CreateAll = Callable[[Collection, Sequence[PlainRecords]], Awaitable[bool]]
"""Creates batches of a collection, all of them or, where one of the records is there, none."""


class RecordBatches:
    """Writes batches of a collection together that are asked for while others are written.

    They would wait for one another, each for the disk and for the database's answers. Each is still
    by itself: where a record of one is there, those that were to be with it are written without it.

    Args:
        create: Is given one batch or several.
    """

    def __init__(self, create: CreateAll) -> None:
        self._create = create
        self._gathered: GatheredCreations[bool] = GatheredCreations(
            self._carry_out, most=MOST_TOGETHER, most_bytes=MOST_BYTES_TOGETHER
        )

    async def add(self, collection: Collection, created: PlainRecords) -> bool:
        """Creates a batch, and returns and raises what creating it alone would.

        Raises:
            ResourceExhaustedError: Too many wait already.
        """
        size_bytes = sum(map(len, created.images))
        return await self._gathered.add(
            collection.key, "", size_bytes, collection, (collection, created)
        )

    async def _carry_out(self, group: Sequence[Creation]) -> None:
        collection: Collection = group[0].what[0]
        try:
            are_created = await self._create(collection, [each.what[1] for each in group])
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            # Nobody knows what became of them, so none is tried again.
            for each in group:
                if not each.created.done():
                    each.created.set_exception(error)
            return
        if not are_created and len(group) > 1:
            for each in group:
                if not each.created.done():
                    await self._carry_out([each])
            return
        for each in group:
            if not each.created.done():
                each.created.set_result(are_created)
