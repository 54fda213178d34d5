"""Destroying what a tenant has encrypted, by destroying the keys."""

import time
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import collections, data_keys, record_feeds
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.key_store import put_keys
from blrcs.encryption.stored_key import TENANT_WIDE, KeyPurpose, KeyState, StoredKey

_OF_TENANT = data_keys.c.tenant == sa.bindparam("of_tenant")
_ANY = Statement(sa.select(data_keys.c.version).where(_OF_TENANT).limit(1))
_OWN = Statement(
    sa.select(data_keys.c.version)
    .where(_OF_TENANT, data_keys.c.collection == TENANT_WIDE)
    .where(data_keys.c.purpose == KeyPurpose.WRAP.value)
    .limit(1)
)
_DESTROY = Statement(
    sa.update(data_keys)
    .where(
        _OF_TENANT,
        sa.or_(
            data_keys.c.state != KeyState.DESTROYED.value, sa.func.length(data_keys.c.wrapped) > 0
        ),
    )
    .values(wrapped=sa.bindparam("no_key"), wrapped_by="", state=KeyState.DESTROYED.value)
)
_DROP_UNKNOWN = Statement(
    sa.delete(data_keys).where(
        _OF_TENANT, *(data_keys.c.purpose != each.value for each in KeyPurpose)
    )
)
"""What is of no kind: it would keep servers from reading the others."""
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

        async def operation(transaction: Transaction) -> int | None:
            # What the rows say does not matter: somebody may have written to them.
            if (
                not even_without_keys
                and await transaction.fetch_one(_ANY, of_tenant=tenant) is None
            ):
                return None
            count = await transaction.execute(_DESTROY, of_tenant=tenant, no_key=b"")
            await transaction.execute(_DROP_UNKNOWN, of_tenant=tenant)
            kept = await transaction.fetch_one(_OWN, of_tenant=tenant)
            await put_keys(transaction, added=[] if kept else [_tombstone(tenant)])
            await transaction.execute(_REVISE_FEEDS, of_tenant=tenant)
            await transaction.execute(_REVISE, of_tenant=tenant, no_key=b"")
            return count

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
