"""Records by their ids."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from blrcs.application.ports.records import StoredSize
from blrcs.database.adapter import Reads, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.keyed_rows import KeyedRows
from blrcs.database.repositories.record_row import record_from_row
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import records
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey

SHOWN: tuple[sa.Column[Any], ...] = (
    records.c.encoded,
    records.c.sealed,
    records.c.expire_time_ns,
)
"""What a reader sees, and until when."""
OF_COLLECTION = (records.c.tenant == sa.bindparam("of_tenant")) & (
    records.c.collection == sa.bindparam("of_collection")
)
THIS = OF_COLLECTION & (records.c.record_id == sa.bindparam("of_id"))

IMAGE = Statement(sa.select(*SHOWN).where(THIS))
"""What is shown of one."""
_STORED = Statement(sa.select(records).where(THIS))


_SHOWN_ROWS = KeyedRows(
    sa.select(records.c.record_id, *SHOWN).where(OF_COLLECTION), records.c.record_id
)
_SIZES = KeyedRows(
    sa.select(
        records.c.record_id,
        sa.func.length(records.c.encoded).label("encoded_bytes"),
        sa.func.coalesce(sa.func.length(records.c.sealed), 0).label("sealed_bytes"),
    ).where(OF_COLLECTION),
    records.c.record_id,
)
_STORED_ROWS = KeyedRows(sa.select(records).where(OF_COLLECTION), records.c.record_id)


async def shown_rows(
    dialect: Dialect, source: Reads, key: CollectionKey, record_ids: Sequence[str]
) -> list[Row]:
    """What is shown of records, with their ids, in no particular order, by one query."""
    return await _SHOWN_ROWS.fetch(
        source, dialect.name, record_ids, of_tenant=key.tenant, of_collection=key.collection
    )


async def shown_sizes(
    dialect: Dialect, source: Reads, key: CollectionKey, record_ids: Sequence[str]
) -> dict[str, StoredSize]:
    """The sizes of those that there are, by their ids, by one query that reads none of them."""
    rows = await _SIZES.fetch(
        source, dialect.name, record_ids, of_tenant=key.tenant, of_collection=key.collection
    )
    return {
        row.record_id: StoredSize(row.encoded_bytes, row.encoded_bytes + row.sealed_bytes)
        for row in rows
    }


class StoredRecord(NamedTuple):
    """A record, and the number of the change whose image it is; None if that has its own."""

    record: Record
    change_sequence: int | None


async def stored_records(
    dialect: Dialect, transaction: Transaction, key: CollectionKey, record_ids: Sequence[str]
) -> dict[str, StoredRecord]:
    """Those of the records that there are, by their ids."""
    this = {"of_tenant": key.tenant, "of_collection": key.collection}
    if len(record_ids) == 1:
        row = await transaction.fetch_one(_STORED, **this, of_id=record_ids[0])
        rows = [] if row is None else [row]
    else:
        rows = await _STORED_ROWS.fetch(transaction, dialect.name, record_ids, **this)
    return {row.record_id: StoredRecord(record_from_row(row), row.change_sequence) for row in rows}
