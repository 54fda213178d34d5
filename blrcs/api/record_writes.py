"""The writes of a batch, as RecordService reads them."""

from blrcs.api.record_messages import record_fields
from blrcs.application.records.batch_write_records import (
    RecordCreation,
    RecordDeletion,
    RecordOperation,
    RecordUpdate,
)
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.record_name import CollectionKey, record_key_in
from blrcs.v1 import record_pb2


def require_within(parent: CollectionKey, name: str, *, field: str) -> str:
    """The id in a record's name.

    The caller's permission was asked for on the parent, so nothing else may be named.

    Raises:
        InvalidArgumentError: The record is not in the collection, or the name is none.
    """
    key = record_key_in(name, field=field)
    if key.parent != parent:
        raise InvalidArgumentError(field, "is not within the parent")
    return key.record


def operation_of(
    parent: CollectionKey, write: record_pb2.RecordWrite, *, field: str
) -> RecordOperation:
    """What a write asks for; InvalidArgumentError where it is not about the parent's records."""
    match write.WhichOneof("operation"):
        case "create":
            creation = write.create
            if creation.parent != parent.name:
                raise InvalidArgumentError(f"{field}.create.parent", "is not the parent of all")
            return RecordCreation(
                record_id=creation.record_id, fields=record_fields(creation.record)
            )
        case "update":
            return RecordUpdate(
                record_id=require_within(
                    parent, write.update.record.name, field=f"{field}.update.record.name"
                ),
                fields=record_fields(write.update.record),
                mask=write.update.update_mask.paths,
                etag=write.update.record.etag,
                allow_missing=write.update.allow_missing,
            )
    return RecordDeletion(
        record_id=require_within(parent, write.delete.name, field=f"{field}.delete.name"),
        etag=write.delete.etag,
        allow_missing=write.delete.allow_missing,
    )
