"""Getting a record."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import RecordReader
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record import RecordImage
from blrcs.domain.record_name import RecordKey


class GetRecord:
    """Gets a record by the ids in its name."""

    def __init__(self, *, records: RecordReader, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def __call__(self, key: RecordKey) -> RecordImage:
        """The record; NotFoundError if there is none."""
        image = await self._records.get(key, now_ns=self._clock())
        if image is None:
            raise NotFoundError(key.name)
        return image
