"""Writing many records at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.records import Decide, PlannedWrite
from blrcs.application.records.record_fields import RecordFields, RecordMask
from blrcs.application.records.record_planner import RecordPlanner
from blrcs.application.records.record_writer import RecordWriter
from blrcs.domain.errors import DomainError, InvalidArgumentError
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey

POSITION = "write"
"""The name under which an error's metadata tell the position of the write that it is about."""


@dataclass(slots=True, kw_only=True)
class RecordCreation:
    """A record to be created; with an empty id, under one that is made up."""

    record_id: str
    fields: RecordFields


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUpdate:
    """A record to be changed."""

    record_id: str
    fields: RecordFields
    mask: Sequence[str]
    etag: str
    allow_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeletion:
    """A record to be deleted."""

    record_id: str
    etag: str
    allow_missing: bool


RecordOperation = RecordCreation | RecordUpdate | RecordDeletion


class BatchWriteRecords:
    """Creates, updates and deletes records of one collection in one transaction."""

    def __init__(self, *, writer: RecordWriter, secrets: SecretGenerator, clock: Clock) -> None:
        self._writer = writer
        self._secrets = secrets
        self._clock = clock

    async def __call__(
        self, parent: CollectionKey, operations: Sequence[RecordOperation]
    ) -> Sequence[Record | None]:
        """What the records are after it, in the order of the operations.

        Raises:
            DomainError: What a single one would raise; its metadata tell which one it was.
            InvalidArgumentError: Two concern the same record.
        """
        given = [each.record_id for each in operations]
        made_up = iter(self._secrets.ordered_ids(self._clock(), given.count("")))
        chosen = [each or next(made_up) for each in given]
        seen: set[str] = set()
        for position, record_id in enumerate(chosen):
            if record_id in seen:
                raise InvalidArgumentError(
                    f"writes[{position}]", "concerns the same record as another"
                )
            seen.add(record_id)

        def plan(planner: RecordPlanner) -> list[PlannedWrite]:
            planned = []
            for position, (record_id, operation) in enumerate(zip(chosen, operations, strict=True)):
                try:
                    write = _planned(planner, record_id, operation)
                except DomainError as error:
                    _raise_at(position, error)
                decide = partial(_decide_at, position, write.decide)
                planned.append(PlannedWrite(record_id, decide, write.created))
            return planned

        return await self._writer(parent, plan)


def _planned(planner: RecordPlanner, record_id: str, operation: RecordOperation) -> PlannedWrite:
    match operation:
        case RecordCreation():
            return planner.creation(record_id, operation.fields)
        case RecordUpdate():
            return planner.update(
                record_id,
                operation.fields,
                mask=RecordMask.parse(operation.mask),
                etag=operation.etag,
                allow_missing=operation.allow_missing,
            )
        case RecordDeletion():
            return planner.deletion(
                record_id, etag=operation.etag, allow_missing=operation.allow_missing
            )


def _decide_at(position: int, decide: Decide, stored: Record | None) -> Record | None:
    try:
        return decide(stored)
    except DomainError as error:
        _raise_at(position, error)


def _raise_at(position: int, error: DomainError) -> NoReturn:
    """Has an error tell which write it is about."""
    if isinstance(error, InvalidArgumentError):
        told = InvalidArgumentError(
            f"writes[{position}].{error.field}", error.description, reason=error.reason
        )
        told.metadata[POSITION] = str(position)
        raise told from error
    error.message = f"writes[{position}]: {error.message}"
    error.metadata[POSITION] = str(position)
    raise error
