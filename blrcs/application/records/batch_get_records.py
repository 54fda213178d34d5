"""Getting many records at once."""

from collections.abc import Sequence

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import RecordRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record import RecordImage
from blrcs.domain.record_name import CollectionKey


class BatchGetRecords:
    """Gets records of one collection by one query."""

    def __init__(self, *, records: RecordRepository, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def __call__(
        self, parent: CollectionKey, record_ids: Sequence[str]
    ) -> Sequence[RecordImage]:
        """The records in the order of the ids; NotFoundError for the first that is missing."""
        wanted = list(dict.fromkeys(record_ids))
        found = {
            image.key.record: image
            for image in await self._records.get_many(parent, wanted, now_ns=self._clock())
        }
        for record_id in wanted:
            if record_id not in found:
                raise NotFoundError(parent.record(record_id).name)
        return [found[record_id] for record_id in record_ids]
