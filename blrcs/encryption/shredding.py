"""Destroying what a tenant has encrypted, by destroying the keys."""

import time
from dataclasses import replace

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import collections, record_feeds
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.key_store import KeyStore, put_keys
from blrcs.encryption.stored_key import TENANT_WIDE, KeyPurpose, KeyState, StoredKey

_REVISE = Statement(
    sa.update(collections)
    .where(collections.c.tenant == sa.bindparam("of_tenant"))
    .values(data_key=sa.bindparam("no_key"), revision=collections.c.revision + 1)
)
_REVISE_FEEDS = Statement(
    sa.update(record_feeds)
    .where(record_feeds.c.tenant == sa.bindparam("of_tenant"))
    .values(revision=record_feeds.c.revision + 1)
)


async def shred_tenant(database: DatabaseAdapter, tenant: str) -> int:
    """Destroys all keys of a tenant, for ever; returns how many there were.

    Writes that need them fail at once, and reads when servers have noticed, which they do within
    ``database.refresh_interval``. The tenant never has keys again: what is encrypted cannot be read
    or written any more, and no new collection can encrypt anything. All else of the tenant stays.
    """
    store = KeyStore(database)

    async def operation(transaction: Transaction) -> int:
        present = await store.of_tenant(transaction, tenant)
        living = [key for key in present if key.state is not KeyState.DESTROYED]
        if not any(key.is_tenants for key in present):
            await put_keys(transaction, added=[_tombstone(tenant)])
        gone = [
            replace(key, wrapped=b"", wrapped_by="", state=KeyState.DESTROYED) for key in living
        ]
        await put_keys(transaction, changed=gone)
        await transaction.execute(_REVISE_FEEDS, of_tenant=tenant)
        await transaction.execute(_REVISE, of_tenant=tenant, no_key=b"")
        return len(gone)

    return await database.run(operation)


def _tombstone(tenant: str) -> StoredKey:
    """Keeps a tenant that had no key from ever having one."""
    return StoredKey(
        scope=CollectionKey(tenant, TENANT_WIDE),
        purpose=KeyPurpose.WRAP,
        version=1,
        key_id=b"",
        wrapped=b"",
        wrapped_by="",
        state=KeyState.DESTROYED,
        created_at_ns=time.time_ns(),
    )
