"""Destroying keys that nothing is encrypted with any more."""

from collections import Counter
from dataclasses import replace

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.database.repositories.record_row import sealed_from_bytes
from blrcs.database.statement import Statement
from blrcs.database.tables import record_changes, records
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_key import key_id_in
from blrcs.encryption.key_store import KeyStore, put_keys
from blrcs.encryption.server_values import KEYS_SCOPE, SCOPE, server_values_by_key
from blrcs.encryption.stored_key import KeyPurpose, KeyState, StoredKey

SERVER_SCOPES = (SCOPE, KEYS_SCOPE)
SETTLING_NS = 10 * 60 * 1_000_000_000
"""Far longer than servers take to notice a rotation."""

_SEALED = [
    Statement(
        sa.select(table.c.sealed).where(
            table.c.tenant == sa.bindparam("of_tenant"),
            table.c.collection == sa.bindparam("of_collection"),
            table.c.sealed.is_not(None),
        )
    )
    for table in (records, record_changes)
]


async def values_by_key(database: DatabaseAdapter, scope: CollectionKey) -> Counter[bytes]:
    """How many values of a collection each key has encrypted, by the ids of the keys."""
    found: Counter[bytes] = Counter()
    async with database.transaction(read_only=True) as transaction:
        for statement in _SEALED:
            of = {"of_tenant": scope.tenant, "of_collection": scope.collection}
            async for row in transaction.stream(statement, **of):
                sealed = sealed_from_bytes(row.sealed) or {}
                found.update(key_id_in(each) for each in sealed.values())
    return found


async def _used(
    database: DatabaseAdapter, scope: CollectionKey, *, in_records: bool
) -> Counter[bytes] | None:
    """As ``values_by_key``; None where nobody knows."""
    if scope in SERVER_SCOPES:
        return await server_values_by_key(database, scope)
    return await values_by_key(database, scope) if in_records else None


async def destroy_unused(
    database: DatabaseAdapter, now_ns: int
) -> tuple[list[StoredKey], list[StoredKey]]:
    """Destroys keys that are used for nothing new, and that nothing is encrypted with any more.

    Those of what services have encrypted stay: nobody knows where those values are. So do the
    server's own for a while after a rotation, until all servers seal with the new ones.

    Returns:
        The keys destroyed, and those that are still needed.
    """
    store = KeyStore(database)
    collections = {
        each.key for each in await SqlCollectionRepository(database).with_sealed_fields()
    }
    present = await store.all()
    retired = [key for key in present if key.state is KeyState.DECRYPT_ONLY]
    old = [key for key in retired if key.purpose is KeyPurpose.SEAL]
    wrapping = {key.wrapped_by for key in present}
    unused = [key for key in retired if key.is_tenants and key.key_id.hex() not in wrapping]
    unsettled = {
        key.scope
        for key in present
        if key.scope in SERVER_SCOPES and key.created_at_ns > now_ns - SETTLING_NS
    }
    needed: list[StoredKey] = []
    for scope in sorted({key.scope for key in old}):
        used = await _used(database, scope, in_records=scope in collections)
        for key in old:
            if key.scope == scope:
                is_needed = used is None or key.key_id in used or scope in unsettled
                (needed if is_needed else unused).append(key)

    async def operation(transaction: Transaction) -> None:
        gone = [
            replace(key, wrapped=b"", wrapped_by="", state=KeyState.DESTROYED) for key in unused
        ]
        await put_keys(transaction, changed=gone)

    if unused:
        await database.run(operation)
    return unused, needed
