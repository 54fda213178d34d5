"""Writing many records at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.records import PlannedWrite
from blrcs.application.records.record_fields import RecordFields, RecordMask
from blrcs.application.records.record_planner import RecordPlanner
from blrcs.application.records.record_writer import RecordWriter
from blrcs.domain.errors import DomainError, InvalidArgumentError
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey

POSITION = "write"
"""The name under which an error's metadata tell the position of the write that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
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

    def __init__(self, *, writer: RecordWriter, secrets: SecretGenerator) -> None:
        self._writer = writer
        self._secrets = secrets

    async def __call__(
        self, parent: CollectionKey, operations: Sequence[RecordOperation]
    ) -> Sequence[Record | None]:
        """What the records are after it, in the order of the operations.

        Raises:
            DomainError: What a single one would raise; its metadata tell which one it was.
            InvalidArgumentError: Two concern the same record.
        """
        given = [each.record_id for each in operations]
        chosen = [each or self._secrets.resource_id() for each in given]
        seen: set[str] = set()
        for position, record_id in enumerate(chosen):
            if record_id in seen:
                raise InvalidArgumentError(
                    f"writes[{position}]", "concerns the same record as another"
                )
            seen.add(record_id)

        def plan(planner: RecordPlanner) -> list[PlannedWrite]:
            planned = []
            pairs = zip(chosen, operations, strict=True)
            for position, (record_id, operation) in enumerate(pairs):
                with _at(position):
                    write = _planned(planner, record_id, operation)
                planned.append(replace(write, decide=partial(_decide_at, position, write)))
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


def _decide_at(position: int, write: PlannedWrite, stored: Record | None) -> Record | None:
    with _at(position):
        return write.decide(stored)


@contextmanager
def _at(position: int) -> Iterator[None]:
    """Has errors tell which write they are about."""
    try:
        yield
    except InvalidArgumentError as error:
        told = InvalidArgumentError(
            f"writes[{position}].{error.field}", error.description, reason=error.reason
        )
        told.metadata[POSITION] = str(position)
        raise told from error
    except DomainError as error:
        error.message = f"writes[{position}]: {error.message}"
        error.metadata[POSITION] = str(position)
        raise
