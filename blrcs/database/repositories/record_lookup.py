"""Records by their ids."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from blrcs.database.adapter import Reads, Transaction
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


async def shown_rows(source: Reads, key: CollectionKey, record_ids: Sequence[str]) -> list[Row]:
    """What is shown of records, with their ids, in no particular order, by one query."""
    return await _rows(source, key, record_ids, shown=True)


async def stored_records(
    transaction: Transaction, key: CollectionKey, record_ids: Sequence[str]
) -> dict[str, Record]:
    """Those of the records that there are, by their ids."""
    if len(record_ids) == 1:
        row = await transaction.fetch_one(
            _STORED, of_tenant=key.tenant, of_collection=key.collection, of_id=record_ids[0]
        )
        return {} if row is None else {record_ids[0]: record_from_row(row)}
    rows = await _rows(transaction, key, record_ids, shown=False)
    return {row.record_id: record_from_row(row) for row in rows}


async def _rows(
    source: Reads | Transaction, key: CollectionKey, record_ids: Sequence[str], *, shown: bool
) -> list[Row]:
    ids = _padded(record_ids)
    return await source.fetch_all(
        _among(len(ids), shown=shown),
        of_tenant=key.tenant,
        of_collection=key.collection,
        **ids,
    )


@cache
def _among(count: int, *, shown: bool) -> Statement:
    """Records by so many ids, at most as many statements as there are powers of two."""
    ids: list[sa.BindParameter[str]] = [sa.bindparam(f"id_{number}") for number in range(count)]
    columns = (records.c.record_id, *SHOWN) if shown else tuple(records.c)
    return Statement(sa.select(*columns).where(OF_COLLECTION, records.c.record_id.in_(ids)))


def _padded(record_ids: Sequence[str]) -> dict[str, str]:
    """Parameters for a statement that takes a power of two of ids: the last one is repeated."""
    count = 1 << (len(record_ids) - 1).bit_length()
    padding = [record_ids[-1]] * (count - len(record_ids))
    return {f"id_{number}": each for number, each in enumerate((*record_ids, *padding))}
