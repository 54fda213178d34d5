"""The changes of collections' records, and the order that they have.

A transaction that writes to the records of a collection first changes the collection's row in
``record_feeds``, and so has that row's lock until it is committed: on PostgreSQL and MariaDB
another one waits there, on SQLite there is one writer in any case. With the lock it takes the next
numbers for its changes. So numbers are committed in their order, and whoever sees one sees all
before it: there is no change with a lower number that may still come. A sequence of the database,
or a number that is read without a lock, would not do: a transaction that took a number first may
commit last, and a watcher would have passed it by.

These transactions run at READ COMMITTED: each of their statements sees what was committed before
it, and what it sees of the collection cannot change as long as the lock is held. A snapshot that is
older than the lock, as the higher levels have, would have them fail and run again instead of
waiting.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from blrcs.application.ports.records import FeedPosition
from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.repositories.plain_records import FIRST_REVISION
from blrcs.database.repositories.record_row import sealed_from_bytes
from blrcs.database.statement import Construct, Row, Statement
from blrcs.database.tables import record_changes, record_feeds, records
from blrcs.domain.collection import Collection
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record import ChangeKind, RecordChange, RecordImage
from blrcs.domain.record_name import CollectionKey

PURGED_AT_ONCE = 1000
FEEDS_AT_ONCE = 500
GUARD = 1 << 48
"""Beyond all revisions of collections."""
FEEDS_SIZES = (1, 8, 64)
"""How many feeds a statement asks for."""
_OF_ANY_TIME = -(1 << 63)
READ_BYTES = 1 << 20
"""Changes that are read at once have no more, but for the last one of them."""
_LEAVE_NOTHING = (ChangeKind.DELETED.value, ChangeKind.EXPIRED.value)

_THIS = (record_feeds.c.tenant == sa.bindparam("of_tenant")) & (
    record_feeds.c.collection == sa.bindparam("of_collection")
)
_OF_COLLECTION = (record_changes.c.tenant == sa.bindparam("of_tenant")) & (
    record_changes.c.collection == sa.bindparam("of_collection")
)

_FEED = Statement(sa.select(record_feeds).where(_THIS))
_FEEDS = Statement(
    sa.select(record_feeds)
    .where(
        sa.tuple_(record_feeds.c.tenant, record_feeds.c.collection)
        > sa.tuple_(sa.bindparam("after_tenant"), sa.bindparam("after_collection"))
    )
    .order_by(record_feeds.c.tenant, record_feeds.c.collection)
    .limit(FEEDS_AT_ONCE)
)
_OVERFULL = Statement(
    sa.select(record_feeds)
    .where(record_feeds.c.sequence - record_feeds.c.purged > sa.bindparam("most"))
    .limit(FEEDS_AT_ONCE),
    is_scan=True,
)


def _claim(dialect: str) -> Construct:
    claim = (
        sa.update(record_feeds)
        .where(_THIS)
        .values(sequence=record_feeds.c.sequence + sa.bindparam("claimed"))
    )
    # MySQL and MariaDB return nothing of what they update.
    return claim if dialect == "mysql" else claim.returning(*record_feeds.c)


_CLAIM = Statement(_claim)
_SETTLE = Statement(
    sa.update(record_feeds).where(_THIS).values(sequence=sa.bindparam("last_sequence"))
)
_MARK_PURGED = Statement(
    sa.update(record_feeds).where(_THIS).values(purged=sa.bindparam("last_purged"))
)


def _changes_after(*columns: sa.ColumnElement[Any]) -> Statement:
    return Statement(
        sa.select(*columns)
        .where(_OF_COLLECTION)
        .where(record_changes.c.sequence > sa.bindparam("after"))
        .order_by(record_changes.c.sequence)
        .limit(sa.bindparam("limit"))
    )


def image_size(table: sa.Table) -> sa.ColumnElement[int]:
    """The octets of a record, or of what a change has left of it."""
    return sa.func.coalesce(sa.func.length(table.c.encoded), 0) + sa.func.coalesce(
        sa.func.length(table.c.sealed), 0
    )


def _image(in_change: Any, in_record: Any) -> sa.ColumnElement[Any]:
    """Of a change: its own, or that of the record, if that is still as the change has left it.

    A record is looked for where its change is shown, and nowhere else: of a join a database may
    think that it takes all records.
    """
    told = sa.select(in_record).where(_TOLD_BY).correlate(record_changes).scalar_subquery()
    return sa.case((record_changes.c.encoded.is_(None), told), else_=in_change)


_TOLD_BY = sa.and_(
    records.c.tenant == record_changes.c.tenant,
    records.c.collection == record_changes.c.collection,
    records.c.record_id == record_changes.c.record_id,
    records.c.change_sequence == record_changes.c.sequence,
    # A server of before changes a record and leaves the number, since it does not know the column:
    # rather no image than one of later. One that expired and was created anew has another time.
    records.c.revision == FIRST_REVISION,
    records.c.update_time_ns == record_changes.c.changed_at_ns,
)
_AFTER = _changes_after(
    *(each for each in record_changes.c if each.name not in ("encoded", "sealed")),
    _image(record_changes.c.encoded, records.c.encoded).label("encoded"),
    _image(record_changes.c.sealed, records.c.sealed).label("sealed"),
)
_IDS_AFTER = _changes_after(record_changes.c.record_id)
_SIZES = _changes_after(
    record_changes.c.sequence,
    sa.func.coalesce(_image(image_size(record_changes), image_size(records)), 0).label(
        "size_bytes"
    ),
)
_OLDEST = Statement(
    sa.select(record_changes.c.sequence, record_changes.c.changed_at_ns)
    .where(_OF_COLLECTION)
    .order_by(record_changes.c.sequence)
    .limit(PURGED_AT_ONCE)
)
_PURGE = Statement(
    sa.delete(record_changes)
    .where(_OF_COLLECTION)
    .where(record_changes.c.sequence <= sa.bindparam("last_purged"))
)


async def lock_feed(
    dialect: Dialect, transaction: Transaction, key: CollectionKey, *, claimed: int
) -> Row:
    """The feed of a collection, which nobody else changes until the transaction has ended.

    Args:
        dialect: Of the database.
        transaction: At READ COMMITTED, with nothing read of the collection before.
        key: The collection's.
        claimed: How many numbers are taken; the feed's ``sequence`` is the last one.

    Raises:
        NotFoundError: There is no such collection.
    """
    this = {"of_tenant": key.tenant, "of_collection": key.collection}
    if dialect.name == "mysql":
        await transaction.execute(_CLAIM, **this, claimed=claimed)
        feed = await transaction.fetch_one(_FEED, **this)
    else:
        feed = await transaction.fetch_one(_CLAIM, **this, claimed=claimed)
    if feed is None:
        raise NotFoundError(key.name)
    return feed


def guarded_revision(collection: Collection) -> int:
    """The revision for a collection's feed.

    A server of before does not keep up indexes that are built or retired. It takes the collection
    for one of another revision, and its writes are ABORTED, until there are none.
    """
    return collection.revision + (GUARD if collection.building or collection.retiring else 0)


def goes_by(feed: Row, collection: Collection) -> bool:
    """Whether a feed is that of a collection in this revision."""
    return (feed.incarnation, feed.revision % GUARD) == (
        collection.create_time_ns,
        collection.revision,
    )


async def settle_feed(transaction: Transaction, key: CollectionKey, sequence: int) -> None:
    """Has the feed end with another number than was taken, in the transaction that took it."""
    await transaction.execute(
        _SETTLE, of_tenant=key.tenant, of_collection=key.collection, last_sequence=sequence
    )


class SqlChangeFeed:
    """Implements the ChangeFeed port."""

    def __init__(self, database: DatabaseAdapter) -> None:
        self._database = database

    async def position(self, key: CollectionKey) -> FeedPosition:
        """See the port."""
        feed = await self._database.fetch_one(
            _FEED, of_tenant=key.tenant, of_collection=key.collection
        )
        if feed is None:
            raise NotFoundError(key.name)
        return FeedPosition(feed.incarnation, feed.sequence, feed.purged)

    async def positions(
        self, keys: Sequence[CollectionKey]
    ) -> Mapping[CollectionKey, FeedPosition]:
        """See FollowedFeeds."""
        found = {}
        for first in range(0, len(keys), FEEDS_SIZES[-1]):
            some = keys[first : first + FEEDS_SIZES[-1]]
            size = next(each for each in FEEDS_SIZES if each >= len(some))
            params: dict[str, str] = {}
            for number, key in enumerate([*some, *[some[-1]] * (size - len(some))]):
                params |= {f"tenant_{number}": key.tenant, f"collection_{number}": key.collection}
            for row in await self._database.fetch_all(_among(size), **params):
                position = FeedPosition(row.incarnation, row.sequence, row.purged)
                found[CollectionKey(row.tenant, row.collection)] = position
        return found

    async def changed_after(self, key: CollectionKey, sequence: int, limit: int) -> Sequence[str]:
        """See FollowedFeeds."""
        rows = await self._database.fetch_all(
            _IDS_AFTER,
            of_tenant=key.tenant,
            of_collection=key.collection,
            after=sequence,
            limit=limit,
        )
        return [row.record_id for row in rows]

    async def after(self, key: CollectionKey, sequence: int, limit: int) -> Sequence[RecordChange]:
        """See the port."""
        this = {"of_tenant": key.tenant, "of_collection": key.collection, "after": sequence}
        if limit > 1:
            sizes = await self._database.fetch_all(_SIZES, **this, limit=limit)
            limit = fitting([row.size_bytes for row in sizes])
        rows = await self._database.fetch_all(_AFTER, **this, limit=limit)
        return [_change(row) for row in rows if _is_whole(row)]

    async def purge(self, *, older_than_ns: int, max_kept: int) -> None:
        """See the port."""
        after = {"after_tenant": "", "after_collection": ""}
        while feeds := await self._database.fetch_all(_FEEDS, **after):
            for feed in feeds:
                if feed.sequence > feed.purged:
                    key = CollectionKey(feed.tenant, feed.collection)
                    while await self._purge_some(key, older_than_ns, feed.sequence - max_kept):
                        pass
            after = {"after_tenant": feeds[-1].tenant, "after_collection": feeds[-1].collection}

    async def purge_surplus(self, *, max_kept: int) -> None:
        """See the port."""
        most = max_kept + max_kept // 10
        for feed in await self._database.fetch_all(_OVERFULL, most=most):
            key = CollectionKey(feed.tenant, feed.collection)
            while await self._purge_some(key, _OF_ANY_TIME, feed.sequence - max_kept):
                pass

    async def _purge_some(self, key: CollectionKey, older_than_ns: int, surplus: int) -> bool:
        """Drops a bounded number of the oldest changes; whether there may be more to drop."""
        this = {"of_tenant": key.tenant, "of_collection": key.collection}

        async def operation(transaction: Transaction) -> bool:
            # Unless the collection has gone meanwhile.
            await lock_feed(self._database.dialect, transaction, key, claimed=0)
            last = 0
            rows = await transaction.fetch_all(_OLDEST, **this)
            for row in rows:
                # By their numbers, so that what is kept has no gaps even where clocks went back.
                if row.changed_at_ns >= older_than_ns and row.sequence > surplus:
                    break
                last = row.sequence
            if last:
                await transaction.execute(_MARK_PURGED, **this, last_purged=last)
                await transaction.execute(_PURGE, **this, last_purged=last)
            return len(rows) == PURGED_AT_ONCE and last == rows[-1].sequence

        try:
            return await self._database.run(operation, isolation=Isolation.READ_COMMITTED)
        except NotFoundError:
            return False


@cache
def _among(count: int) -> Statement:
    wanted = [
        (record_feeds.c.tenant == sa.bindparam(f"tenant_{number}"))
        & (record_feeds.c.collection == sa.bindparam(f"collection_{number}"))
        for number in range(count)
    ]
    return Statement(sa.select(record_feeds).where(sa.or_(*wanted)))


def fitting(sizes_bytes: Sequence[int]) -> int:
    """How many of them are read at once: READ_BYTES, and what the last of them is beyond."""
    total_bytes = 0
    for count, size_bytes in enumerate(sizes_bytes, start=1):
        total_bytes += size_bytes
        if total_bytes >= READ_BYTES:
            return count
    return max(len(sizes_bytes), 1)


def _is_whole(row: Row) -> bool:
    """Whether it is known what the change has left; a server of before may have let it be lost."""
    return row.encoded is not None or row.kind in _LEAVE_NOTHING


def _change(row: Row) -> RecordChange:
    key = CollectionKey(row.tenant, row.collection).record(row.record_id)
    image = None
    if row.encoded is not None:
        image = RecordImage(key, bytes(row.encoded), sealed_from_bytes(row.sealed))
    return RecordChange(row.sequence, ChangeKind(row.kind), key, row.changed_at_ns, image)
