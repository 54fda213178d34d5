"""Records in the database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, partial

import sqlalchemy as sa

from blrcs.application.ports.records import (
    CollectionChangedError,
    ListedRecord,
    PlannedWrite,
    Selection,
)
from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.narrowing import Narrowing
from blrcs.database.filter.queries import FilteredQueries
from blrcs.database.repositories.record_feed import lock_feed, settle_feed
from blrcs.database.repositories.record_index import MOST_NAMED, bounds_in, index_rows
from blrcs.database.repositories.record_row import (
    image_from_row,
    record_from_row,
    record_to_row,
    sealed_from_bytes,
    sealed_to_bytes,
    subject_from_row,
)
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import record_changes, record_index, records
from blrcs.database.upsert import upsert
from blrcs.domain.collection import Collection
from blrcs.domain.filter.expression import Filter
from blrcs.domain.order_by import Position
from blrcs.domain.record import ChangeKind, Record, RecordImage
from blrcs.domain.record_name import CollectionKey, RecordKey

PURGED_AT_ONCE = 500

_OF_COLLECTION = (records.c.tenant == sa.bindparam("of_tenant")) & (
    records.c.collection == sa.bindparam("of_collection")
)
_THIS = _OF_COLLECTION & (records.c.record_id == sa.bindparam("of_id"))
_SHOWN = (records.c.encoded, records.c.sealed, records.c.expire_time_ns)

_QUERIES = FilteredQueries(
    Columns.of(records),
    records.c.record_id,
    *_SHOWN,
    records.c.document,
    records.c.create_time_ns,
    records.c.update_time_ns,
)
_IMAGE = Statement(sa.select(*_SHOWN).where(_THIS))
_STORED = Statement(sa.select(records).where(_THIS))
_PUT = upsert(records)
_DELETE = Statement(sa.delete(records).where(_THIS))
_UNINDEX = Statement(
    sa.delete(record_index)
    .where(record_index.c.tenant == sa.bindparam("of_tenant"))
    .where(record_index.c.collection == sa.bindparam("of_collection"))
    .where(record_index.c.record_id == sa.bindparam("of_id"))
)
_INDEX = Statement(sa.insert(record_index))
_TELL = Statement(sa.insert(record_changes))
_EXPIRED = Statement(
    sa.select(records.c.tenant, records.c.collection, records.c.record_id)
    .where(records.c.expire_time_ns <= sa.bindparam("now_ns"))
    .order_by(records.c.expire_time_ns)
    .limit(PURGED_AT_ONCE)
)


@cache
def _among(count: int, *, shown: bool) -> Statement:
    """Records by so many ids, at most as many statements as there are powers of two."""
    ids: list[sa.BindParameter[str]] = [sa.bindparam(f"id_{number}") for number in range(count)]
    columns = (records.c.record_id, *_SHOWN) if shown else tuple(records.c)
    return Statement(sa.select(*columns).where(_OF_COLLECTION).where(records.c.record_id.in_(ids)))


def _padded(record_ids: Sequence[str]) -> dict[str, str]:
    """Parameters for a statement that takes a power of two of ids: the last one is repeated."""
    count = 1 << (len(record_ids) - 1).bit_length()
    padding = [record_ids[-1]] * (count - len(record_ids))
    return {f"id_{number}": each for number, each in enumerate((*record_ids, *padding))}


class SqlRecordRepository:
    """Implements the RecordRepository port."""

    def __init__(self, database: DatabaseAdapter) -> None:
        self._database = database

    async def get(self, key: RecordKey, *, now_ns: int) -> RecordImage | None:
        """See the port."""
        tenant, collection, record_id = key
        row = await self._database.fetch_one(
            _IMAGE, of_tenant=tenant, of_collection=collection, of_id=record_id
        )
        if row is None:
            return None
        encoded, sealed, expire_time_ns = row
        if expire_time_ns is not None and expire_time_ns <= now_ns:
            return None
        return RecordImage(key, encoded, None if sealed is None else sealed_from_bytes(sealed))

    async def get_many(
        self, parent: CollectionKey, record_ids: Sequence[str], *, now_ns: int
    ) -> Sequence[RecordImage]:
        """See the port."""
        ids = _padded(record_ids)
        rows = await self._database.fetch_all(
            _among(len(ids), shown=True),
            of_tenant=parent.tenant,
            of_collection=parent.collection,
            **ids,
        )
        return [
            image_from_row(parent.record(row.record_id), row)
            for row in rows
            if not _is_expired(row, now_ns)
        ]

    async def write(
        self, collection: Collection, writes: Sequence[PlannedWrite], *, now_ns: int
    ) -> Sequence[Record | None]:
        """See the port."""
        return await self._write(collection.key, writes, now_ns, collection)

    async def page(
        self,
        collection: Collection,
        selection: Selection,
        *,
        position: Position | None,
        limit: int,
        now_ns: int,
    ) -> Sequence[ListedRecord]:
        """See the port."""
        parent = collection.key
        statement, params = _QUERIES.page(
            selection.filter_,
            selection.order_by,
            tenant=parent.tenant,
            collection=parent.collection,
            name_prefix=parent.record("").name,
            now_ns=now_ns,
            limit=limit,
            position=position,
            narrowing=await self._narrowing(collection, selection.filter_),
        )
        rows = await self._database.fetch_all(statement, **params)
        return [_listed(parent, row) for row in rows]

    async def count(self, collection: Collection, filter_: Filter, *, now_ns: int) -> int:
        """See the port."""
        parent = collection.key
        statement, params = _QUERIES.count(
            filter_,
            tenant=parent.tenant,
            collection=parent.collection,
            name_prefix=parent.record("").name,
            now_ns=now_ns,
            narrowing=await self._narrowing(collection, filter_),
        )
        row = await self._database.fetch_one(statement, **params)
        return 0 if row is None else int(row.count)

    async def _narrowing(self, collection: Collection, filter_: Filter) -> Narrowing | None:
        """By the index that names the fewest records, unless it names too many."""
        fewest, chosen = MOST_NAMED + 1, None
        for bounds in bounds_in(filter_, collection.indexes):
            row = await self._database.fetch_one(
                bounds.counted,
                tenant=collection.key.tenant,
                collection=collection.key.collection,
                **bounds.params,
            )
            if row is not None and row.count < fewest:
                fewest, chosen = row.count, bounds.narrowing
        return chosen

    async def purge_expired(self, *, now_ns: int) -> Sequence[CollectionKey]:
        """See the port."""
        found: dict[CollectionKey, list[PlannedWrite]] = defaultdict(list)
        for row in await self._database.fetch_all(_EXPIRED, now_ns=now_ns):
            # One that is not expired any more when its turn comes stays as it is.
            write = PlannedWrite(row.record_id, lambda stored: stored)
            found[CollectionKey(row.tenant, row.collection)].append(write)
        for key, writes in found.items():
            await self._write(key, writes, now_ns)
        return list(found)

    async def _write(
        self,
        key: CollectionKey,
        writes: Sequence[PlannedWrite],
        now_ns: int,
        expected: Collection | None = None,
    ) -> Sequence[Record | None]:
        async def operation(transaction: Transaction) -> Sequence[Record | None]:
            claimed = len(writes)
            feed = await lock_feed(self._database.dialect, transaction, key, claimed=claimed)
            if expected is not None and (feed.incarnation, feed.revision) != (
                expected.create_time_ns,
                expected.revision,
            ):
                raise CollectionChangedError
            stored = await _stored(transaction, key, [write.record_id for write in writes])
            step = _Step(key, feed.sequence - claimed, now_ns, expected)
            for write in writes:
                step.take(write, stored.get(write.record_id))
            await step.carry_out(transaction)
            if step.sequence != feed.sequence:
                await settle_feed(transaction, key, step.sequence)
            return step.results

        return await self._database.run(operation, isolation=Isolation.READ_COMMITTED)


class _Step:
    """What the writes of one transaction come to."""

    def __init__(
        self, key: CollectionKey, sequence: int, now_ns: int, collection: Collection | None
    ) -> None:
        self._key = key
        # Of one that is not known there may be some; then records are only dropped.
        self._has_indexes = collection is None or bool(collection.indexes)
        self._indexes = () if collection is None else collection.indexes
        self._unindexed: list[Mapping[str, object]] = []
        self._indexed: list[Mapping[str, object]] = []
        self._now_ns = now_ns
        self._put: list[Mapping[str, object]] = []
        self._deleted: list[Mapping[str, object]] = []
        self._told: list[Mapping[str, object]] = []
        self.sequence = sequence
        self.results: list[Record | None] = []

    def take(self, write: PlannedWrite, stored: Record | None) -> None:
        """Decides on one write."""
        before = stored
        if stored is not None and stored.is_expired(self._now_ns):
            before = None
            self._tell(ChangeKind.EXPIRED, stored, None)
        after = write.decide(before)
        self.results.append(after)
        if stored is not None and after is not stored and self._has_indexes:
            self._unindexed.append({**self._of_key(), "of_id": stored.key.record})
        if after is None:
            if stored is not None:
                of_id = stored.key.record
                self._deleted.append({**self._of_key(), "of_id": of_id})
            if before is not None:
                self._tell(ChangeKind.DELETED, before, None)
        elif after is not before:
            self._put.append(record_to_row(after))
            self._indexed.extend(index_rows(after, self._indexes))
            kind = ChangeKind.CREATED if before is None else ChangeKind.UPDATED
            self._tell(kind, after, after)

    async def carry_out(self, transaction: Transaction) -> None:
        """Writes all of it."""
        for statement, rows in (
            (_DELETE, self._deleted),
            (_PUT, self._put),
            (_UNINDEX, self._unindexed),
            (_INDEX, self._indexed),
            (_TELL, self._told),
        ):
            if len(rows) == 1:
                await transaction.execute(statement, **rows[0])
            elif rows:
                await transaction.execute_many(statement, rows)

    def _of_key(self) -> dict[str, str]:
        return {"of_tenant": self._key.tenant, "of_collection": self._key.collection}

    def _tell(self, kind: ChangeKind, record: Record, after: Record | None) -> None:
        self.sequence += 1
        self._told.append(
            {
                "tenant": self._key.tenant,
                "collection": self._key.collection,
                "sequence": self.sequence,
                "kind": kind.value,
                "record_id": record.key.record,
                "changed_at_ns": self._now_ns,
                "encoded": None if after is None else after.encoded,
                "sealed": None if after is None else sealed_to_bytes(after.sealed),
            }
        )


async def _stored(
    transaction: Transaction, key: CollectionKey, record_ids: Sequence[str]
) -> dict[str, Record]:
    within = {"of_tenant": key.tenant, "of_collection": key.collection}
    if len(record_ids) == 1:
        row = await transaction.fetch_one(_STORED, **within, of_id=record_ids[0])
        return {} if row is None else {record_ids[0]: record_from_row(row)}
    ids = _padded(record_ids)
    rows = await transaction.fetch_all(_among(len(ids), shown=False), **within, **ids)
    return {row.record_id: record_from_row(row) for row in rows}


def _listed(parent: CollectionKey, row: Row) -> ListedRecord:
    key = parent.record(row.record_id)
    return ListedRecord(image_from_row(key, row), partial(subject_from_row, key, row))


def _is_expired(row: Row, now_ns: int) -> bool:
    return row.expire_time_ns is not None and row.expire_time_ns <= now_ns
