"""Data keys in the database."""

import os
from collections.abc import Sequence

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.database.repositories.key_use import SERVER, KeyDestroyedError, hold_key
from blrcs.database.repositories.settings import get_or_make, stored
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import data_keys, settings
from blrcs.database.upsert import upsert
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.known_master import (
    CHECK,
    KnownMaster,
    check_value,
    checked_in,
    read_known,
)
from blrcs.encryption.master_key import MasterKeyError, altered
from blrcs.encryption.sealed_values import has_sealed_values
from blrcs.encryption.stored_key import (
    CREDENTIALS,
    SIGNING_KEYS,
    TENANT_WIDE,
    KeyPurpose,
    KeyState,
    StoredKey,
    described,
)

EPOCH = "encryption_epoch"
EPOCH_BYTES = 8

_OF_TENANT = data_keys.c.tenant == sa.bindparam("of_tenant")
_OF_SCOPE = Statement(
    sa.select(data_keys)
    .where(_OF_TENANT)
    .where(data_keys.c.collection.in_([TENANT_WIDE, sa.bindparam("of_collection")]))
)
_OF_ANY_SCOPE = Statement(sa.select(data_keys.c.purpose).where(_OF_TENANT).distinct())
_ALL = Statement(
    sa.select(data_keys).order_by(
        data_keys.c.tenant, data_keys.c.collection, data_keys.c.purpose, data_keys.c.version
    )
)
_ADD = Statement(sa.insert(data_keys))
_CHANGE = Statement(
    sa.update(data_keys)
    .where(
        _OF_TENANT,
        data_keys.c.collection == sa.bindparam("of_collection"),
        data_keys.c.purpose == sa.bindparam("of_purpose"),
        data_keys.c.version == sa.bindparam("of_version"),
    )
    .values(
        wrapped=sa.bindparam("new_wrapped"),
        wrapped_by=sa.bindparam("new_wrapped_by"),
        state=sa.bindparam("new_state"),
    )
)
_OF_WHOLE_TENANT = Statement(sa.select(data_keys).where(_OF_TENANT))
_PUT_SETTING = upsert(settings, "value")


class KeyStore:
    """Keeps data keys, a value that the master key is checked with, and the epoch.

    The epoch is some bytes that are others after every change of keys that are there: whoever holds
    a copy of any looks at it.
    """

    def __init__(self, database: DatabaseAdapter) -> None:
        self.database = database

    async def of_scope(self, scope: CollectionKey) -> list[StoredKey]:
        """The keys of a collection, and those of its tenant.

        Like all that reads keys it raises MasterKeyError where a row can be none of them.
        """
        rows = await self.database.fetch_all(
            _OF_SCOPE, of_tenant=scope.tenant, of_collection=scope.collection
        )
        return [_from_row(row) for row in rows]

    async def of_tenant(self, transaction: Transaction, tenant: str) -> list[StoredKey]:
        """All keys of a tenant."""
        rows = await transaction.fetch_all(_OF_WHOLE_TENANT, of_tenant=tenant)
        return [_from_row(row) for row in rows]

    async def all(self) -> list[StoredKey]:
        """All keys."""
        return [_from_row(row) for row in await self.database.fetch_all(_ALL)]

    async def sealing_scopes(self, tenant: str) -> dict[CollectionKey, bytes]:
        """Where keys of a tenant, or of the server, may have encrypted what one can look for.

        With the key of an earlier version for each, as it is wrapped, if there is one.
        """
        if tenant == SERVER:
            return {CollectionKey(SERVER, each): b"" for each in (CREDENTIALS, SIGNING_KEYS)}
        found = await SqlCollectionRepository(self.database).with_sealed_fields(tenant)
        return {each.key: each.data_key for each in found}

    async def require_tenants(self, tenant: str) -> None:
        """Raises MasterKeyError where a tenant has keys, but none of its own."""
        others = await self.database.fetch_all(_OF_ANY_SCOPE, of_tenant=tenant)
        if others and not any(row.purpose == KeyPurpose.WRAP for row in others):
            raise altered("a tenant's key")

    async def require_unused(self, scope: CollectionKey, *, but_by: bytes) -> None:
        """Raises MasterKeyError where something of a scope is encrypted.

        Args:
            scope: Whose.
            but_by: The id of a key of an earlier version, whose values do not count; or empty.
        """
        if await has_sealed_values(self.database, scope, but_by=but_by):
            whose = described(scope)
            raise MasterKeyError(
                f"a data key of {whose} is gone from the database; what needs it is there"
            )

    async def add(self, key: StoredKey) -> bool:
        """Adds a key; False where there is one in its place, or where what wraps it is gone."""
        try:
            await self.database.run(lambda transaction: _add(transaction, key))
        except (IntegrityViolationError, KeyDestroyedError):
            return False
        return True

    async def known_master(self) -> KnownMaster:
        """What is known of the master key."""
        return await read_known(self.database)

    async def begin_check(self, key_id: str, wrapped: bytes) -> tuple[str, bytes]:
        """Keeps the first one, and returns the one that is kept."""
        value = await get_or_make(self.database, CHECK, lambda: check_value(key_id, wrapped))
        return checked_in(value)

    async def epoch(self) -> bytes:
        """Another one after every change of keys."""
        return await stored(self.database, EPOCH) or b""


async def put_keys(
    transaction: Transaction, *, added: Sequence[StoredKey] = (), changed: Sequence[StoredKey] = ()
) -> None:
    """Adds keys, and changes the wrapping and the state of others; a new epoch begins.

    Raises:
        IntegrityViolationError: A key that was to be added is there.
        KeyDestroyedError: What wraps one is gone.
    """
    for key in added:
        await _add(transaction, key)
    for key in changed:
        await transaction.execute(
            _CHANGE,
            of_tenant=key.scope.tenant,
            of_collection=key.scope.collection,
            of_purpose=key.purpose.value,
            of_version=key.version,
            new_wrapped=key.wrapped,
            new_wrapped_by=key.wrapped_by,
            new_state=key.state.value,
        )
    await put_setting(transaction, EPOCH, os.urandom(EPOCH_BYTES))


async def _add(transaction: Transaction, key: StoredKey) -> None:
    if not key.is_tenants and key.state is not KeyState.DESTROYED:
        await hold_key(transaction, key.scope.tenant, bytes.fromhex(key.wrapped_by))
    await transaction.execute(_ADD, **_to_row(key))


async def put_setting(transaction: Transaction, key: str, value: bytes) -> None:
    """Keeps a value under a key."""
    await transaction.execute(_PUT_SETTING, key=key, value=value)


def _to_row(key: StoredKey) -> dict[str, object]:
    return {
        "tenant": key.scope.tenant,
        "collection": key.scope.collection,
        "purpose": key.purpose.value,
        "version": key.version,
        "key_id": key.key_id,
        "wrapped": key.wrapped,
        "wrapped_by": key.wrapped_by,
        "state": key.state.value,
        "created_at_ns": key.created_at_ns,
    }


def _from_row(row: Row) -> StoredKey:
    try:
        return StoredKey(
            scope=CollectionKey(row.tenant, row.collection),
            purpose=KeyPurpose(row.purpose),
            version=row.version,
            key_id=bytes(row.key_id),
            wrapped=bytes(row.wrapped),
            wrapped_by=row.wrapped_by,
            state=KeyState(row.state),
            created_at_ns=row.created_at_ns,
        )
    except (ValueError, TypeError):
        raise altered("a data key") from None
