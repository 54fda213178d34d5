"""Collections and records, as RecordService writes and reads them."""

from typing import cast

from blrcs.api.documents import document_written, encoded_struct
from blrcs.api.record_mask import ReadMask
from blrcs.api.stored_messages import StoredRecord
from blrcs.api.times import from_duration, from_timestamp, to_duration, to_timestamp
from blrcs.application.collections.collection_fields import CollectionFields
from blrcs.application.records.record_fields import RecordFields
from blrcs.application.records.record_sealer import Opened
from blrcs.domain.collection import Collection
from blrcs.domain.field_path import Document
from blrcs.domain.record import RecordImage
from blrcs.v1 import record_pb2
from blrcs_native.records.wire import encode_record, encode_records

READY = record_pb2.RecordIndex.STATE_READY
BUILDING = record_pb2.RecordIndex.STATE_BUILDING


def collection_message(collection: Collection) -> record_pb2.Collection:
    """The message for a collection, which does not hold its key."""
    default_ttl_ns = collection.default_ttl_ns
    return record_pb2.Collection(
        name=collection.name,
        display_name=collection.display_name,
        json_schema=collection.json_schema,
        indexes=[
            record_pb2.RecordIndex(path=path, state=state)
            for paths, state in ((collection.indexes, READY), (collection.building, BUILDING))
            for path in paths
        ],
        default_ttl=None if default_ttl_ns is None else to_duration(default_ttl_ns),
        encrypted_fields=collection.encrypted_fields,
        secret_fields=collection.secret_fields,
        create_time=to_timestamp(collection.create_time_ns),
        update_time=to_timestamp(collection.update_time_ns),
        etag=collection.etag,
    )


def collection_fields(message: record_pb2.Collection) -> CollectionFields:
    """What a caller sets of a collection."""
    return CollectionFields(
        display_name=message.display_name,
        json_schema=message.json_schema,
        indexes=tuple(index.path for index in message.indexes),
        default_ttl_ns=(
            from_duration(message.default_ttl, "collection.default_ttl")
            if message.HasField("default_ttl")
            else None
        ),
        encrypted_fields=tuple(message.encrypted_fields),
        secret_fields=tuple(message.secret_fields),
    )


def record_fields(message: record_pb2.Record) -> RecordFields:
    """What a caller sets of a record.

    Raises:
        InvalidArgumentError: Its data are nothing that JSON has.
    """
    expiration = message.WhichOneof("expiration")
    data: Document | None = None
    encoded = b""
    if message.HasField("data"):
        data, encoded = document_written(message.data, field="record.data")
    return RecordFields(
        data=data,
        encoded=encoded,
        expire_time_ns=(
            from_timestamp(message.expire_time, "record.expire_time")
            if expiration == "expire_time"
            else None
        ),
        ttl_ns=from_duration(message.ttl, "record.ttl") if expiration == "ttl" else None,
    )


def encoded_record(image: RecordImage, opened: Opened, mask: ReadMask | None) -> bytes:
    """A record as it is shown: the bytes of its message.

    Args:
        image: As it is stored.
        opened: What was sealed of it and is to be shown.
        mask: What is to be shown; None for all.
    """
    if not opened and mask is None:
        return image.encoded
    record = record_pb2.Record.FromString(image.encoded)
    for path, value in opened.items():
        *way, last = path
        within = record.data
        for segment in way:
            within = within.get_or_create_struct(segment)
        within[last] = value
    if mask is not None:
        record = mask.apply(record)
    encoded: bytes = record.SerializeToString()
    return encoded


def record_message(encoded: bytes) -> record_pb2.Record:
    """The reply for a record that is encoded."""
    return cast(record_pb2.Record, StoredRecord.FromString(encoded))


class MessageImages:
    """Implements the RecordImages port: records are stored as the messages they are read as."""

    def encode(self, data: Document) -> bytes:
        """See the port."""
        return encoded_struct(data)

    # See the port; as they are, since every write calls them.
    image = staticmethod(encode_record)
    images = staticmethod(encode_records)
