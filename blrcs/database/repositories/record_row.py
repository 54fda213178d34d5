"""Records as rows."""

import base64

import orjson

from blrcs.database.statement import Row
from blrcs.domain.field_path import Document
from blrcs.domain.filter.evaluation import Subject
from blrcs.domain.record import Record, RecordImage, Sealed
from blrcs.domain.record_name import RecordKey
from blrcs.domain.text_document import TextDocument


def record_to_row(record: Record, change_sequence: int | None = None) -> tuple[object, ...]:
    """All columns, in the order of the table.

    Args:
        record: The record.
        change_sequence: The number of the change whose image this is; None if that has its own.
    """
    return (
        *record.key,
        _text_of(record.data),
        record.encoded,
        sealed_to_bytes(record.sealed),
        record.revision,
        record.create_time_ns,
        record.update_time_ns,
        record.expire_time_ns,
        change_sequence,
    )


def record_from_row(row: Row) -> Record:
    """Of all columns."""
    return Record(
        key=RecordKey(row.tenant, row.collection, row.record_id),
        data=TextDocument(row.document, orjson.loads),
        sealed=sealed_from_bytes(row.sealed),
        encoded=bytes(row.encoded),
        create_time_ns=row.create_time_ns,
        update_time_ns=row.update_time_ns,
        revision=row.revision,
        expire_time_ns=row.expire_time_ns,
    )


def image_from_row(key: RecordKey, row: Row) -> RecordImage:
    """Of the columns ``encoded`` and ``sealed``."""
    return RecordImage(key, row.encoded, sealed_from_bytes(row.sealed))


def subject_from_row(key: RecordKey, row: Row) -> Subject:
    """What tells where a record is in an order."""
    return Subject(
        name=key.name,
        record_id=key.record,
        create_time_ns=row.create_time_ns,
        update_time_ns=row.update_time_ns,
        expire_time_ns=row.expire_time_ns,
        data=orjson.loads(row.document),
    )


def _text_of(document: Document) -> str:
    # Not by isinstance, which takes longer for mappings: every write comes here.
    if type(document) is TextDocument:
        return document.text
    return orjson.dumps(document).decode()


def sealed_to_bytes(sealed: Sealed | None) -> bytes | None:
    """Encrypted values in one column."""
    if sealed is None:
        return None
    return orjson.dumps({path: base64.b64encode(each).decode() for path, each in sealed.items()})


def sealed_from_bytes(stored: bytes | None) -> Sealed | None:
    """What ``sealed_to_bytes`` made."""
    if stored is None:
        return None
    return {path: base64.b64decode(each) for path, each in orjson.loads(stored).items()}
