"""Rows of many records that are created together, without an object for each of them."""

from collections.abc import Sequence

from blrcs.application.ports.records import PlainRecords
from blrcs.database.statement import Column, insert_into
from blrcs.database.tables import record_changes, records
from blrcs.domain.record import ChangeKind
from blrcs.domain.record_name import CollectionKey

ADD = insert_into(records)
TELL = insert_into(record_changes)

FIRST_REVISION = 1


def record_columns(key: CollectionKey, created: PlainRecords, sequence: int) -> Sequence[Column]:
    """For ``ADD``; the images are those of the changes from a number on."""
    return (
        key.tenant,
        key.collection,
        list(created.ids),
        list(created.texts),
        list(created.images),
        None,
        FIRST_REVISION,
        created.time_ns,
        created.time_ns,
        created.expire_time_ns,
        range(sequence, sequence + len(created.ids)),
    )


def change_columns(key: CollectionKey, created: PlainRecords, sequence: int) -> Sequence[Column]:
    """For ``TELL``, from a number on; the images are those of the records."""
    return (
        key.tenant,
        key.collection,
        range(sequence, sequence + len(created.ids)),
        ChangeKind.CREATED.value,
        list(created.ids),
        created.time_ns,
        None,
        None,
    )
