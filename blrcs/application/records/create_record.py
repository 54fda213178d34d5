"""Creating a record."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.records.record_fields import RecordFields
from blrcs.application.records.record_writer import RecordWriter
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey


class CreateRecord:
    """Creates a record, under an id that is made up where none is given."""

    def __init__(self, *, writer: RecordWriter, secrets: SecretGenerator, clock: Clock) -> None:
        self._writer = writer
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, parent: CollectionKey, record_id: str, fields: RecordFields) -> Record:
        """The record created.

        Raises:
            InvalidArgumentError: The data do not meet the schema, or are too large.
            NotFoundError: There is no such collection.
            AlreadyExistsError: The id is taken.
        """
        chosen = record_id or self._secrets.ordered_ids(self._clock(), 1)[0]
        return await self._writer.one(parent, lambda planner: planner.creation(chosen, fields))
