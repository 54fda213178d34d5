"""Counting records."""

from blrcs.application.collections.collection_shapes import CollectionShape
from blrcs.application.collections.indexed_reads import IndexedReads
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import RecordRepository
from blrcs.application.records.record_selection import select
from blrcs.domain.record_name import CollectionKey


class CountRecords:
    """Counts the records that a filter matches."""

    def __init__(self, *, indexed: IndexedReads, records: RecordRepository, clock: Clock) -> None:
        self._indexed = indexed
        self._records = records
        self._clock = clock

    async def __call__(self, parent: CollectionKey, *, filter_: str) -> int:
        """How many there are.

        Raises:
            InvalidArgumentError: The filter is none, or asks for what is encrypted or secret.
            NotFoundError: There is no such collection.
        """

        async def count(shape: CollectionShape) -> int:
            filtered = select(shape, filter_=filter_).filter_
            return await self._records.count(shape.collection, filtered, now_ns=self._clock())

        return await self._indexed(parent, count)
