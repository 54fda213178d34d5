"""Rows of many records that are created together, without an object for each of them."""

from collections.abc import Sequence
from itertools import repeat

from blrcs.application.ports.records import PlainRecords
from blrcs.database.statement import insert_into
from blrcs.database.tables import record_changes, records
from blrcs.domain.record import ChangeKind
from blrcs.domain.record_name import CollectionKey

ADD = insert_into(records)
TELL = insert_into(record_changes)

FIRST_REVISION = 1


def record_rows(
    key: CollectionKey, created: PlainRecords, sequence: int
) -> Sequence[tuple[object, ...]]:
    """For ``ADD``; the images are those of the changes from a number on."""
    return list(
        zip(
            repeat(key.tenant),
            repeat(key.collection),
            created.ids,
            created.texts,
            created.images,
            repeat(None),
            repeat(FIRST_REVISION),
            repeat(created.time_ns),
            repeat(created.time_ns),
            repeat(created.expire_time_ns),
            range(sequence, sequence + len(created.ids)),
            strict=False,
        )
    )


def change_rows(
    key: CollectionKey, created: PlainRecords, sequence: int
) -> Sequence[tuple[object, ...]]:
    """For ``TELL``, from a number on; the images are those of the records."""
    return list(
        zip(
            repeat(key.tenant),
            repeat(key.collection),
            range(sequence, sequence + len(created.ids)),
            repeat(ChangeKind.CREATED.value),
            created.ids,
            repeat(created.time_ns),
            repeat(None),
            repeat(None),
            strict=False,
        )
    )
