"""Destroying what a tenant has encrypted, by destroying the keys."""

import time
from collections.abc import Awaitable, Callable
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


class StoredTenantShredder:
    """Implements the TenantShredder port.

    Args:
        database: Where the keys are.
        on_shredded: Told once it is stored, so that servers look at their keys.
    """

    def __init__(
        self, database: DatabaseAdapter, on_shredded: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._database = database
        self._on_shredded = on_shredded

    async def shred(self, tenant: str, *, even_without_keys: bool = True) -> int | None:
        """See the port.

        Writes that need them fail at once, and reads when servers have noticed, which they do
        within ``database.refresh_interval``. The tenant never has keys again: what is encrypted
        cannot be read or written any more, and no new collection can encrypt anything. All else of
        the tenant stays.
        """
        store = KeyStore(self._database)

        async def operation(transaction: Transaction) -> int | None:
            present = await store.of_tenant(transaction, tenant)
            if not present and not even_without_keys:
                return None
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

        count = await self._database.run(operation)
        if self._on_shredded is not None and count is not None:
            await self._on_shredded()
        return count


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
