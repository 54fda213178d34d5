"""Records in the database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

import sqlalchemy as sa

from blrcs.application.ports.records import (
    CollectionChangedError,
    ListedRecord,
    PlainRecords,
    PlannedWrite,
    Selection,
    StoredImage,
    StoredSize,
)
from blrcs.database.adapter import DatabaseAdapter, Isolation, Reads, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.narrowing import Narrowing
from blrcs.database.filter.queries import FilteredQueries
from blrcs.database.repositories.plain_records import (
    ADD,
    FIRST_REVISION,
    TELL,
    change_columns,
    record_columns,
)
from blrcs.database.repositories.record_batches import RecordBatches
from blrcs.database.repositories.record_creations import RecordCreations
from blrcs.database.repositories.record_feed import goes_by, lock_feed, settle_feed
from blrcs.database.repositories.record_index import MOST_NAMED, along, bounds_in
from blrcs.database.repositories.record_lookup import (
    IMAGE,
    SHOWN,
    shown_rows,
    shown_sizes,
    stored_records,
)
from blrcs.database.repositories.record_row import (
    image_from_row,
    sealed_from_bytes,
    subject_from_row,
)
from blrcs.database.repositories.record_step import RecordStep
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import records
from blrcs.domain.collection import Collection
from blrcs.domain.errors import NotFoundError
from blrcs.domain.filter.expression import Filter
from blrcs.domain.order_by import Position
from blrcs.domain.record import Record, RecordImage
from blrcs.domain.record_name import CollectionKey, RecordKey

PURGED_AT_ONCE = 500
CLOCKS_AGREE_NS = 60_000_000_000
"""Clocks of machines agree to within a minute."""
READ_AT_ONCE = 128
"""As many records are read at once to be changed, large as they may be."""

_QUERIES = FilteredQueries(
    Columns.of(records),
    records.c.record_id,
    *SHOWN,
    records.c.document,
    records.c.create_time_ns,
    records.c.update_time_ns,
)
_EXPIRED = Statement(
    sa.select(records.c.tenant, records.c.collection, records.c.record_id)
    .where(records.c.expire_time_ns <= sa.bindparam("now_ns"))
    .order_by(records.c.expire_time_ns)
    .limit(PURGED_AT_ONCE)
)


class SqlRecordRepository:
    """Implements the RecordRepository port.

    Reads may be of a moment ago where the database has replicas: a call sees what it has written,
    and what its caller shows a token of. Writes look at what is committed.

    Args:
        database: Where they are.
        replica_max_lag_ns: How old is what a replica says, at most.
    """

    def __init__(self, database: DatabaseAdapter, *, replica_max_lag_ns: int = 0) -> None:
        self._database = database
        self._settled_ns = replica_max_lag_ns + CLOCKS_AGREE_NS
        self._reads = database.stale
        # Where there are replicas, a call's own writes tell it how far they have to be.
        self._creations = None if database.is_shared else RecordCreations(self._write_all)
        # SQLite's writer puts into one commit what waits.
        is_alone = database.is_shared and database.stale is database
        self._batches = RecordBatches(self._create_all) if is_alone else None

    async def get(self, key: RecordKey, *, now_ns: int) -> RecordImage | None:
        """See the port."""
        tenant, collection, record_id = key
        row = await self._reads.fetch_one(
            IMAGE, of_tenant=tenant, of_collection=collection, of_id=record_id
        )
        if row is None:
            return None
        encoded, sealed, expire_time_ns = row
        if expire_time_ns is not None and expire_time_ns <= now_ns:
            return None
        return RecordImage(key, encoded, None if sealed is None else sealed_from_bytes(sealed))

    async def committed(self, key: RecordKey) -> StoredImage | None:
        """See CommittedRecords."""
        tenant, collection, record_id = key
        row = await self._database.fetch_one(
            IMAGE, of_tenant=tenant, of_collection=collection, of_id=record_id
        )
        if row is None:
            return None
        image = RecordImage(key, bytes(row.encoded), sealed_from_bytes(row.sealed))
        return StoredImage(image, row.expire_time_ns)

    async def get_many(
        self, parent: CollectionKey, record_ids: Sequence[str], *, now_ns: int
    ) -> Sequence[RecordImage]:
        """See the port."""
        rows = await shown_rows(self._database.dialect, self._reads, parent, record_ids)
        return [
            image_from_row(parent.record(row.record_id), row)
            for row in rows
            if not _is_expired(row, now_ns)
        ]

    async def sizes(
        self, parent: CollectionKey, record_ids: Sequence[str]
    ) -> Mapping[str, StoredSize]:
        """See the port."""
        return await shown_sizes(self._database.dialect, self._reads, parent, record_ids)

    async def write(
        self, collection: Collection, writes: Sequence[PlannedWrite], *, now_ns: int
    ) -> Sequence[Record | None]:
        """See the port."""
        if self._creations is not None and len(writes) == 1:
            (write,) = writes
            if write.created is not None:
                return [await self._creations.add(collection, write, write.created, now_ns)]
        return await self._write_all(collection, writes, now_ns)

    async def create_plain(self, collection: Collection, created: PlainRecords) -> bool:
        """See the port."""
        if self._batches is not None:
            return await self._batches.add(collection, created)
        return await self._create_all(collection, [created])

    async def _create_all(self, collection: Collection, batches: Sequence[PlainRecords]) -> bool:
        key, claimed = collection.key, sum(len(each.ids) for each in batches)

        async def operation(transaction: Transaction) -> None:
            feed = await self._feed_of(transaction, key, claimed, collection)
            first = feed.sequence - claimed + 1
            for created in batches:
                await transaction.execute_columns(ADD, record_columns(key, created, first))
                await transaction.execute_columns(TELL, change_columns(key, created, first))
                first += len(created.ids)

        try:
            await self._database.run(operation, isolation=Isolation.READ_COMMITTED)
        except IntegrityViolationError:
            return False
        return True

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
        reads = self._reads_of(collection, now_ns)
        narrowing = await self._narrowing(reads, collection, selection.filter_)
        statement, params = _QUERIES.page(
            selection.filter_,
            selection.order_by,
            tenant=parent.tenant,
            collection=parent.collection,
            name_prefix=parent.record_prefix,
            now_ns=now_ns,
            limit=limit,
            position=position,
            narrowing=narrowing,
            # A few are sorted sooner.
            along=None
            if narrowing is not None
            else along(selection.order_by, selection.filter_, collection.indexes),
        )
        rows = await reads.fetch_all(statement, **params)
        return [_listed(parent, row) for row in rows]

    async def count(self, collection: Collection, filter_: Filter, *, now_ns: int) -> int:
        """See the port."""
        parent = collection.key
        reads = self._reads_of(collection, now_ns)
        statement, params = _QUERIES.count(
            filter_,
            tenant=parent.tenant,
            collection=parent.collection,
            name_prefix=parent.record_prefix,
            now_ns=now_ns,
            narrowing=await self._narrowing(reads, collection, filter_),
        )
        row = await reads.fetch_one(statement, **params)
        return 0 if row is None else int(row.count)

    def _reads_of(self, collection: Collection, now_ns: int) -> Reads:
        """A replica may have an index as a whole only some time after the primary.

        What was declared when the collection was created is whole from its first record on.
        """
        is_changed = collection.revision != FIRST_REVISION and bool(collection.indexes)
        is_settled = now_ns - collection.update_time_ns > self._settled_ns
        return self._database if is_changed and not is_settled else self._reads

    async def _narrowing(
        self, reads: Reads, collection: Collection, filter_: Filter
    ) -> Narrowing | None:
        """By the index that names the fewest records, unless it names too many."""
        fewest, chosen = MOST_NAMED + 1, None
        for bounds in bounds_in(filter_, collection.indexes):
            row = await reads.fetch_one(
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
            # Unless the collection has gone meanwhile, and its records with it.
            with suppress(NotFoundError):
                await self._write(key, writes, now_ns)
        return list(found)

    async def _write_all(
        self, collection: Collection, writes: Sequence[PlannedWrite], now_ns: int
    ) -> Sequence[Record | None]:
        return await self._write(collection.key, writes, now_ns, collection)

    async def _write(
        self,
        key: CollectionKey,
        writes: Sequence[PlannedWrite],
        now_ns: int,
        expected: Collection | None = None,
    ) -> Sequence[Record | None]:
        run = partial(self._run, key, writes, now_ns, expected)
        created = [write.created for write in writes if write.created is not None]
        if len(created) == len(writes):
            # Seldom is one of them there: only then are they looked at.
            with suppress(IntegrityViolationError):
                return await run(created)
        return await run(None)

    async def _run(
        self,
        key: CollectionKey,
        writes: Sequence[PlannedWrite],
        now_ns: int,
        expected: Collection | None,
        created: Sequence[Record] | None,
    ) -> Sequence[Record | None]:
        """Carries out writes in a transaction, as creations where that is what they are."""

        async def operation(transaction: Transaction) -> Sequence[Record | None]:
            claimed = len(writes)
            feed = await self._feed_of(transaction, key, claimed, expected)
            step = RecordStep(key, feed.sequence - claimed, feed.purged, now_ns, expected)
            if created is None:
                for start in range(0, len(writes), READ_AT_ONCE):
                    some = writes[start : start + READ_AT_ONCE]
                    ids = [write.record_id for write in some]
                    stored = await stored_records(self._database.dialect, transaction, key, ids)
                    for write in some:
                        step.take(write, stored.get(write.record_id))
            else:
                for record in created:
                    step.add(record)
            await step.carry_out(transaction)
            if step.sequence != feed.sequence:
                await settle_feed(transaction, key, step.sequence)
            return step.results

        return await self._database.run(operation, isolation=Isolation.READ_COMMITTED)

    async def _feed_of(
        self,
        transaction: Transaction,
        key: CollectionKey,
        claimed: int,
        expected: Collection | None,
    ) -> Row:
        """The feed, locked, with so many numbers taken; CollectionChangedError for another one."""
        feed = await lock_feed(self._database.dialect, transaction, key, claimed=claimed)
        if expected is not None and not goes_by(feed, expected):
            raise CollectionChangedError
        return feed


def _listed(parent: CollectionKey, row: Row) -> ListedRecord:
    key = parent.record(row.record_id)
    return ListedRecord(image_from_row(key, row), partial(subject_from_row, key, row))


def _is_expired(row: Row, now_ns: int) -> bool:
    return row.expire_time_ns is not None and row.expire_time_ns <= now_ns
