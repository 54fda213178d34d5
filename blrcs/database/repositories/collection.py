"""Collections in the database."""

from collections.abc import Awaitable, Callable, Sequence

import orjson
import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.repositories.record_feed import guarded_revision, lock_feed
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import (
    collections,
    data_keys,
    index_builds,
    record_changes,
    record_feeds,
    record_index,
    records,
)
from blrcs.database.upsert import upsert
from blrcs.domain.collection import Collection
from blrcs.domain.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.reindexing import retired

_OF_TENANT = collections.c.tenant == sa.bindparam("of_tenant")
_THIS = _OF_TENANT & (collections.c.id == sa.bindparam("of_id"))

_BY_KEY = Statement(sa.select(collections).where(_THIS))
_PAGE = Statement(
    sa.select(collections)
    .where(_OF_TENANT)
    .where(collections.c.id > sa.bindparam("after"))
    .order_by(collections.c.id)
    .limit(sa.bindparam("limit"))
)
_ALL_OF_TENANT = Statement(sa.select(collections).where(_OF_TENANT).order_by(collections.c.id))
_ALL = Statement(sa.select(collections).order_by(collections.c.tenant, collections.c.id))
_ADD = Statement(sa.insert(collections))
_REPLACE = Statement(sa.update(collections).where(_THIS))
_DELETE = Statement(sa.delete(collections).where(_THIS))


def _within(table: sa.Table) -> sa.ColumnElement[bool]:
    return (table.c.tenant == sa.bindparam("of_tenant")) & (
        table.c.collection == sa.bindparam("of_collection")
    )


_BEGIN_BUILD = upsert(index_builds)
_ADD_FEED = Statement(sa.insert(record_feeds))
_REVISE_FEED = Statement(
    sa.update(record_feeds)
    .where(_within(record_feeds))
    .values(revision=sa.bindparam("new_revision"))
)
_ANY_RECORD = Statement(
    sa.select(records.c.record_id)
    .where(_within(records))
    .where(records.c.expire_time_ns.is_(None) | (records.c.expire_time_ns > sa.bindparam("now_ns")))
    .limit(1)
)
_DROP_ALL = [
    Statement(sa.delete(table).where(_within(table)))
    for table in (records, record_index, record_changes, record_feeds, index_builds, data_keys)
]
_CHANGING = ("building", "retiring", "dropping")


async def locked_collection(
    dialect: Dialect, transaction: Transaction, key: CollectionKey
) -> tuple[Collection, bool]:
    """A collection whose feed is locked, and whether servers of before may have passed it by.

    One that changes a collection lets its like write, who keep up nothing but what is whole. Then
    what is built has to be so from the beginning, and what was retired is whole no more.

    Raises:
        NotFoundError: There is no such collection.
    """
    feed = await lock_feed(dialect, transaction, key, claimed=0)
    row = await transaction.fetch_one(_BY_KEY, of_tenant=key.tenant, of_id=key.collection)
    if row is None:
        raise NotFoundError(key.name)
    stored = _from_row(row)
    if feed.revision == guarded_revision(stored):
        return stored, False
    return retired(stored), True


async def put_collection(transaction: Transaction, changed: Collection) -> None:
    """Puts a collection in the place of what it was; its feed is locked."""
    tenant, collection = changed.key
    await transaction.execute(_REPLACE, of_tenant=tenant, of_id=collection, **_to_row(changed))
    await transaction.execute(
        _REVISE_FEED,
        of_tenant=tenant,
        of_collection=collection,
        new_revision=guarded_revision(changed),
    )


class SqlCollectionRepository:
    """Implements the CollectionRepository port.

    Who changes a collection holds its feed's lock, as who writes its records does.
    """

    def __init__(self, database: DatabaseAdapter) -> None:
        self._database = database

    async def get(self, key: CollectionKey) -> Collection | None:
        """See the port."""
        row = await self._database.fetch_one(_BY_KEY, of_tenant=key.tenant, of_id=key.collection)
        return None if row is None else _from_row(row)

    async def with_sealed_fields(self, tenant: str = "") -> Sequence[Collection]:
        """With fields to be encrypted, of a tenant or of all, in the order of their names."""
        rows = (
            await self._database.fetch_all(_ALL_OF_TENANT, of_tenant=tenant)
            if tenant
            else await self._database.fetch_all(_ALL)
        )
        return [each for each in map(_from_row, rows) if each.sealed_fields]

    async def list_after(self, tenant: str, collection_id: str, limit: int) -> Sequence[Collection]:
        """See the port."""
        rows = await self._database.fetch_all(
            _PAGE, of_tenant=tenant, after=collection_id, limit=limit
        )
        return [_from_row(row) for row in rows]

    async def add(self, collection: Collection) -> None:
        """See the port."""
        key = collection.key

        async def operation(transaction: Transaction) -> None:
            found = await transaction.fetch_one(_BY_KEY, of_tenant=key.tenant, of_id=key.collection)
            if found is not None:
                raise AlreadyExistsError(collection.name)
            await transaction.execute(_ADD, **_to_row(collection))
            await transaction.execute(
                _ADD_FEED,
                tenant=key.tenant,
                collection=key.collection,
                incarnation=collection.create_time_ns,
                revision=collection.revision,
                sequence=0,
                purged=0,
            )

        await self._database.run(operation)

    async def update(
        self,
        key: CollectionKey,
        change: Callable[[Collection], Collection],
        beside: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> Collection:
        """See the port; ``beside`` is done in the same transaction, and may be so several times."""

        async def operation(transaction: Transaction) -> Collection:
            stored, is_passed_by = await locked_collection(self._database.dialect, transaction, key)
            changed = change(stored)
            await put_collection(transaction, changed)
            is_new = is_passed_by or _index_changes(changed) != _index_changes(stored)
            if is_new and changed.is_reindexed:
                # From the beginning, whatever was under way.
                row = (*key, "", "", 0)
                await transaction.execute_many(_BEGIN_BUILD, [row])
            if beside is not None:
                await beside(transaction)
            return changed

        return await self._database.run(operation, isolation=Isolation.READ_COMMITTED)

    async def delete(self, key: CollectionKey, *, etag: str, force: bool, now_ns: int) -> None:
        """See the port."""
        within = {"of_tenant": key.tenant, "of_collection": key.collection}

        async def operation(transaction: Transaction) -> None:
            stored, _ = await locked_collection(self._database.dialect, transaction, key)
            require_etag(stored.name, stored=stored.etag, given=etag)
            if not force and await transaction.fetch_one(_ANY_RECORD, **within, now_ns=now_ns):
                raise FailedPreconditionError(
                    "COLLECTION_NOT_EMPTY", f"{key.name} has records, and force is not set"
                )
            for statement in _DROP_ALL:
                await transaction.execute(statement, **within)
            await transaction.execute(_DELETE, of_tenant=key.tenant, of_id=key.collection)

        await self._database.run(operation, isolation=Isolation.READ_COMMITTED)


def _index_changes(collection: Collection) -> str | None:
    if not collection.is_reindexed:
        return None
    return orjson.dumps({name: getattr(collection, name) for name in _CHANGING}).decode()


def _to_row(collection: Collection) -> dict[str, object]:
    return {
        "tenant": collection.key.tenant,
        "id": collection.key.collection,
        "display_name": collection.display_name,
        "json_schema": collection.json_schema,
        "indexes": orjson.dumps(collection.indexes).decode(),
        "default_ttl_ns": collection.default_ttl_ns,
        "encrypted_fields": orjson.dumps(collection.encrypted_fields).decode(),
        "secret_fields": orjson.dumps(collection.secret_fields).decode(),
        "data_key": collection.data_key,
        "created_at_ns": collection.create_time_ns,
        "updated_at_ns": collection.update_time_ns,
        "revision": collection.revision,
        "index_changes": _index_changes(collection),
    }


def _from_row(row: Row) -> Collection:
    changes = {} if row.index_changes is None else orjson.loads(row.index_changes)
    return Collection(
        key=CollectionKey(row.tenant, row.id),
        display_name=row.display_name,
        json_schema=row.json_schema,
        indexes=tuple(orjson.loads(row.indexes)),
        **{name: tuple(changes.get(name, ())) for name in _CHANGING},
        default_ttl_ns=row.default_ttl_ns,
        encrypted_fields=tuple(orjson.loads(row.encrypted_fields)),
        secret_fields=tuple(orjson.loads(row.secret_fields)),
        data_key=bytes(row.data_key),
        create_time_ns=row.created_at_ns,
        update_time_ns=row.updated_at_ns,
        revision=row.revision,
    )
