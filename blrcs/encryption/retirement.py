"""Destroying keys that nothing is encrypted with any more."""

from collections import Counter
from dataclasses import replace

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.database.statement import Statement
from blrcs.database.tables import data_keys
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.key_store import KeyStore, put_keys
from blrcs.encryption.sealed_values import values_by_key
from blrcs.encryption.server_values import KEYS_SCOPE, SCOPE, server_values_by_key
from blrcs.encryption.stored_key import KeyPurpose, KeyState, StoredKey

SERVER_SCOPES = (SCOPE, KEYS_SCOPE)
SETTLING_NS = 10 * 60 * 1_000_000_000
"""Far longer than servers take to notice a rotation."""

_WRAPPED = Statement(
    sa.select(data_keys.c.version)
    .where(
        data_keys.c.tenant == sa.bindparam("of_tenant"),
        data_keys.c.wrapped_by == sa.bindparam("of_key_id"),
    )
    .limit(1)
)


async def destroy_unused(
    database: DatabaseAdapter, now_ns: int
) -> tuple[list[StoredKey], list[StoredKey]]:
    """Destroys keys that are used for nothing new, and that nothing is encrypted with any more.

    Those of what services have encrypted stay: nobody knows where those values are. So do the
    server's own for a while after a rotation, until all servers seal with the new ones. What is
    sealed while it looks is not lost; see ``key_use``.

    Returns:
        The keys destroyed, and those that are still needed.
    """
    collections = {
        each.key for each in await SqlCollectionRepository(database).with_sealed_fields()
    }
    present = await KeyStore(database).all()
    unsettled = {
        key.scope
        for key in present
        if key.scope in SERVER_SCOPES and key.created_at_ns > now_ns - SETTLING_NS
    }
    wrapping = {key.wrapped_by for key in present}
    gone: list[StoredKey] = []
    needed: list[StoredKey] = []
    retired = [key for key in present if key.state is KeyState.DECRYPT_ONLY]
    for scope in sorted({key.scope for key in retired}):
        used = await _used(database, scope) if scope in collections else Counter[bytes]()
        for key in (each for each in retired if each.scope == scope):
            if key.is_tenants:
                # One that wraps others is nothing to tell of: a rotation has left none of them.
                if key.key_id.hex() not in wrapping and await _destroyed(database, key):
                    gone.append(key)
            elif key.purpose is KeyPurpose.SEAL:
                may_go = scope in collections or scope in SERVER_SCOPES
                if may_go and key.key_id not in used and scope not in unsettled:
                    (gone if await _destroyed(database, key) else needed).append(key)
                else:
                    needed.append(key)
    return gone, needed


async def _used(database: DatabaseAdapter, scope: CollectionKey) -> Counter[bytes]:
    """By the keys of a collection: no more comes by those that were retired before."""
    async with database.transaction(read_only=True) as transaction:
        return await values_by_key(transaction, scope)


async def _destroyed(database: DatabaseAdapter, key: StoredKey) -> bool:
    """Destroys a key, unless it turns out to be used."""

    async def operation(transaction: Transaction) -> None:
        gone = replace(key, wrapped=b"", wrapped_by="", state=KeyState.DESTROYED)
        await put_keys(transaction, changed=[gone])
        if await _is_used(transaction, key):
            raise _UsedError

    try:
        await database.run(operation, isolation=Isolation.READ_COMMITTED)
    except _UsedError:
        return False
    return True


async def _is_used(transaction: Transaction, key: StoredKey) -> bool:
    if key.is_tenants:
        of = {"of_tenant": key.scope.tenant, "of_key_id": key.key_id.hex()}
        return await transaction.fetch_one(_WRAPPED, **of) is not None
    if key.scope in SERVER_SCOPES:
        return key.key_id in await server_values_by_key(transaction, key.scope)
    return False


class _UsedError(Exception):
    """What was to be destroyed is needed."""
