"""Changing a record."""

from collections.abc import Iterable

from blrcs.application.records.record_fields import RecordFields, RecordMask
from blrcs.application.records.record_writer import RecordWriter
from blrcs.domain.record import Record
from blrcs.domain.record_name import RecordKey


class UpdateRecord:
    """Changes a record, or creates it where it is missing and may be."""

    def __init__(self, *, writer: RecordWriter) -> None:
        self._writer = writer

    async def __call__(
        self,
        key: RecordKey,
        fields: RecordFields,
        *,
        mask: Iterable[str],
        etag: str,
        allow_missing: bool,
    ) -> Record:
        """The record after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed, or the data do not meet the
                schema, or are too large.
            FailedPreconditionError: Something else than an object is in the way of a path.
            NotFoundError: There is no such record, or no such collection.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        parsed = RecordMask.parse(mask)
        return await self._writer.one(
            key.parent,
            lambda planner: planner.update(
                key.record, fields, mask=parsed, etag=etag, allow_missing=allow_missing
            ),
        )
