"""Indexes of collections that are built or dropped beside the writes to their records.

A step is a transaction that holds the feed's lock, as a write does, and so sees all records as they
are while it looks at some of them. How far it is stands in the same transaction, so that it does
not matter which process takes the next one, or when one is killed.
"""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.index_builds import IndexStep
from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.repositories.collection import locked_collection, put_collection
from blrcs.database.repositories.record_feed import fitting, image_size
from blrcs.database.repositories.record_index import index_rows, path_ids
from blrcs.database.repositories.record_row import record_from_row
from blrcs.database.statement import Row, Statement, insert_into
from blrcs.database.tables import index_builds, record_feeds, record_index, records
from blrcs.domain.collection import Collection
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.reindexing import built, retired

FILLED_AT_ONCE = 128
"""As many records are read at once, and fewer where they are large; writes wait for them."""
DROPPED_AT_ONCE = 1000
HELD_NS = 15_000_000_000
"""From the last step on, for which others leave a collection to who has taken that."""
MAX_PENDING = 1000

_LAST = "\U0010ffff"
"""Behind every record's id."""


def _within(table: sa.Table) -> sa.ColumnElement[bool]:
    return (table.c.tenant == sa.bindparam("of_tenant")) & (
        table.c.collection == sa.bindparam("of_collection")
    )


_PENDING = Statement(
    sa.select(index_builds.c.tenant, index_builds.c.collection)
    .order_by(index_builds.c.tenant, index_builds.c.collection)
    .limit(MAX_PENDING)
)
_BUILD = Statement(sa.select(index_builds).where(_within(index_builds)))
_ADVANCE = Statement(
    sa.update(index_builds)
    .where(_within(index_builds))
    .values(
        after_id=sa.bindparam("new_after"),
        held_by=sa.bindparam("new_holder"),
        held_until_ns=sa.bindparam("new_until"),
    )
)
_FINISH = Statement(sa.delete(index_builds).where(_within(index_builds)))
_FORGET = Statement(
    sa.delete(index_builds)
    .where(_within(index_builds))
    .where(~sa.exists().where(_within(record_feeds)))
)
_RECORDS = Statement(
    sa.select(records)
    .where(_within(records))
    .where(records.c.record_id > sa.bindparam("after"))
    .order_by(records.c.record_id)
    .limit(sa.bindparam("limit"))
)
_SIZES = Statement(
    sa.select(image_size(records).label("size_bytes"))
    .where(_within(records))
    .where(records.c.record_id > sa.bindparam("after"))
    .order_by(records.c.record_id)
    .limit(FILLED_AT_ONCE)
)
_ENTRIES = Statement(
    sa.select(record_index.c.record_id)
    .where(_within(record_index))
    .where(record_index.c.record_id > sa.bindparam("after"))
    .order_by(record_index.c.record_id)
    .limit(sa.bindparam("limit"))
)
_CLEAR = Statement(
    sa.delete(record_index)
    .where(_within(record_index))
    .where(record_index.c.record_id > sa.bindparam("after"))
    .where(record_index.c.record_id <= sa.bindparam("last"))
    .where(record_index.c.path_id == sa.bindparam("of_path"))
)
_ADD = insert_into(record_index)


class SqlIndexBuilds:
    """Implements the IndexBuilds port.

    Args:
        database: Where the collections are.
        clock: The time.
    """

    def __init__(self, database: DatabaseAdapter, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def pending(self) -> Sequence[CollectionKey]:
        """See the port."""
        rows = await self._database.fetch_all(_PENDING)
        return [CollectionKey(row.tenant, row.collection) for row in rows]

    async def step(self, key: CollectionKey, *, holder: str, outlived: str) -> IndexStep | None:
        """See the port."""
        this = {"of_tenant": key.tenant, "of_collection": key.collection}

        async def operation(transaction: Transaction) -> IndexStep | None:
            stored, is_passed_by = await locked_collection(self._database.dialect, transaction, key)
            # Once the lock is had: replicas are not asked by an index for a while after this.
            now_ns = self._clock()
            build = await transaction.fetch_one(_BUILD, **this)
            if build is None or (build.held_by != holder and _is_held(build, now_ns)):
                return None
            if is_passed_by:
                step = _Step(transaction, stored, "", now_ns)
                changed = replace(stored, revision=stored.revision + 1)
            else:
                step = _Step(transaction, stored, build.after_id, now_ns)
                changed = await step.take(outlived)
            if changed != stored:
                await put_collection(transaction, changed)
            if changed.is_reindexed:
                await transaction.execute(
                    _ADVANCE,
                    **this,
                    new_after=step.after_id,
                    new_holder=holder,
                    new_until=now_ns + HELD_NS,
                )
            else:
                await transaction.execute(_FINISH, **this)
            return IndexStep(changed.etag, has_more=step.has_more and changed.is_reindexed)

        try:
            return await self._database.run(operation, isolation=Isolation.READ_COMMITTED)
        except NotFoundError:
            # A server of before has deleted it, and knew nothing of this.
            await self._database.execute(_FORGET, **this)
            return None


def _is_held(build: Row, now_ns: int) -> bool:
    """Not by a clock that is ahead of this one for longer than anybody holds it."""
    held: bool = now_ns < build.held_until_ns <= now_ns + HELD_NS
    return held


class _Step:
    """What one transaction does for a collection, which it has locked."""

    def __init__(
        self, transaction: Transaction, stored: Collection, after_id: str, now_ns: int
    ) -> None:
        self._transaction = transaction
        self._stored = stored
        self._within = {"of_tenant": stored.key.tenant, "of_collection": stored.key.collection}
        self._now_ns = now_ns
        self.after_id = after_id
        self.has_more = True

    async def take(self, outlived: str) -> Collection:
        """What the collection is after it."""
        stored = self._stored
        if stored.retiring and stored.etag == outlived:
            if not stored.building:
                self.after_id = ""
            return replace(retired(stored), revision=stored.revision + 1)
        if stored.building:
            return await self._fill()
        if stored.dropping:
            return await self._drop()
        self.has_more = False
        return stored

    async def _fill(self) -> Collection:
        stored = self._stored
        sizes = await self._transaction.fetch_all(_SIZES, **self._within, after=self.after_id)
        some = fitting([row.size_bytes for row in sizes])
        rows, last = await self._some(_RECORDS, some if some < len(sizes) else FILLED_AT_ONCE)
        # Those that writes have added meanwhile, and what may be left of earlier ones.
        await self._clear(stored.building, last)
        entries = [
            entry for row in rows for entry in index_rows(record_from_row(row), stored.building)
        ]
        if entries:
            await self._transaction.execute_many(_ADD, entries)
        if last != _LAST:
            self.after_id = last
            return stored
        self.after_id = ""
        return replace(
            built(stored),
            revision=stored.revision + 1,
            update_time_ns=max(self._now_ns, stored.update_time_ns),
        )

    async def _drop(self) -> Collection:
        stored = self._stored
        _, last = await self._some(_ENTRIES, DROPPED_AT_ONCE)
        await self._clear(stored.dropping, last)
        self.after_id = last
        return replace(stored, dropping=()) if last == _LAST else stored

    async def _some(self, statement: Statement, limit: int) -> tuple[list[Row], str]:
        """Rows from where the last step has ended, and the record up to which they are all."""
        rows = await self._transaction.fetch_all(
            statement, **self._within, after=self.after_id, limit=limit
        )
        return rows, rows[-1].record_id if len(rows) == limit else _LAST

    async def _clear(self, paths: Sequence[str], last: str) -> None:
        for path_id in path_ids(paths):
            await self._transaction.execute(
                _CLEAR, **self._within, after=self.after_id, last=last, of_path=path_id
            )
