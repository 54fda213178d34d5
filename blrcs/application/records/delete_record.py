"""Deleting a record."""

from blrcs.application.records.record_writer import RecordWriter
from blrcs.domain.record_name import RecordKey


class DeleteRecord:
    """Deletes a record."""

    def __init__(self, *, writer: RecordWriter) -> None:
        self._writer = writer

    async def __call__(self, key: RecordKey, *, etag: str, allow_missing: bool) -> None:
        """Deletes it.

        Raises:
            NotFoundError: There is no such record, and it must not be missing; or no collection.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        await self._writer(
            key.parent,
            lambda planner: [planner.deletion(key.record, etag=etag, allow_missing=allow_missing)],
        )
