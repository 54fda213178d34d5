"""Counting records."""

from blrcs.application.collections.collection_shapes import CollectionShapes
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import RecordRepository
from blrcs.application.records.record_selection import select
from blrcs.domain.record_name import CollectionKey


class CountRecords:
    """Counts the records that a filter matches."""

    def __init__(
        self, *, shapes: CollectionShapes, records: RecordRepository, clock: Clock
    ) -> None:
        self._shapes = shapes
        self._records = records
        self._clock = clock

    async def __call__(self, parent: CollectionKey, *, filter_: str) -> int:
        """How many there are.

        Raises:
            InvalidArgumentError: The filter is none, or asks for what is encrypted or secret.
            NotFoundError: There is no such collection.
        """
        shape = await self._shapes.get(parent)
        selection = select(shape, filter_=filter_)
        return await self._records.count(shape.collection, selection.filter_, now_ns=self._clock())
