"""Other keys in the place of those there are, while servers run."""

from collections.abc import Sequence
from dataclasses import replace

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.domain.collection import Collection
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore, put_keys, put_setting
from blrcs.encryption.known_master import CHECK, CHECK_PLACE, CHECKED, KnownMaster, check_value
from blrcs.encryption.master_key import MasterKeys
from blrcs.encryption.stored_key import TENANT_WIDE, KeyPurpose, KeyState, StoredKey


class KeyRotation:
    """Rotates keys. Each step is one transaction; what was done is not done again.

    Servers notice within ``database.refresh_interval``; whoever writes to a collection's records
    notices at once that it has other keys.

    Methods raise MasterKeyError where a master key is missing, and FailedPreconditionError where
    keys were destroyed.
    """

    def __init__(self, database: DatabaseAdapter, masters: MasterKeys, keys: DataKeys) -> None:
        self._database = database
        self._masters = masters
        self._keys = keys
        self._store = KeyStore(database)
        self._collections = SqlCollectionRepository(database)

    async def rotate_master(self) -> int:
        """Has the present master key wrap all that older ones have; returns how many keys."""
        if await self._store.known_master() == KnownMaster():
            return 0
        await self._keys.prepare_master()
        for collection in await self._collections.with_sealed_fields():
            if collection.data_key:
                await self.take_over(collection)
        present = await self._masters.id()
        count = 0
        for key in await self._store.all():
            if key.is_tenants and key.state is not KeyState.DESTROYED and key.wrapped_by != present:
                await self._wrap_anew(key)
                count += 1
        master_id, wrapped = await self._masters.wrap(CHECK_PLACE, CHECKED)

        async def operation(transaction: Transaction) -> None:
            await put_setting(transaction, CHECK, check_value(master_id, wrapped))
            await put_keys(transaction)

        await self._database.run(operation)
        return count

    async def rotate_data(self, tenant: str, collection: str = "") -> Sequence[CollectionKey]:
        """Gives a collection, or all that a tenant has encrypted, new keys to seal with.

        A tenant's own key is another one before, so that who had it opens no new ones. What was
        sealed before is opened with the old ones, until it is encrypted anew. The keys of
        blind indexes stay, so that equal values still have equal tags.
        """
        stored = {each.key: each for each in await self._collections.with_sealed_fields()}
        scopes = {
            key.scope
            for key in await self._store.all()
            if key.purpose is KeyPurpose.SEAL and key.scope.tenant == tenant
        }
        scopes |= {key for key in stored if key.tenant == tenant}
        chosen = sorted(each for each in scopes if collection in {"", each.collection})
        if chosen and not collection:
            await self.rotate_tenant(tenant)
        for scope in chosen:
            if scope not in stored:
                await self._rotate_values(scope)
                continue
            if stored[scope].data_key:
                await self.take_over(stored[scope])
            await self._rotate_collection(scope)
        return chosen

    async def rotate_tenant(self, tenant: str) -> int:
        """Gives a tenant another key of its own, which wraps all others; returns how many.

        The old one stays until nothing is wrapped by it: a server may just be making a key.
        """
        scope = CollectionKey(tenant, TENANT_WIDE)
        wrapping = await self._keys.wrapping_keys(scope)
        if not wrapping:
            return 0
        added = await self._keys.new_tenant_key(scope, version=1 + max(wrapping.versions))
        new_key = await self._keys.tenant_key(added)

        def wrapped_anew(key: StoredKey) -> StoredKey:
            raw = wrapping.by_id[key.wrapped_by].open(key.place, key.wrapped)
            wrapped = new_key.seal(key.place, raw)
            return replace(key, wrapped=wrapped, wrapped_by=new_key.id.hex())

        async def operation(transaction: Transaction) -> int:
            present = [
                key
                for key in await self._store.of_tenant(transaction, tenant)
                if key.state is not KeyState.DESTROYED
            ]
            anew = [wrapped_anew(key) for key in present if not key.is_tenants]
            retired = _retired([key for key in present if key.is_tenants])
            await put_keys(transaction, added=[added], changed=[*anew, *retired])
            return len(anew)

        return await self._database.run(operation)

    async def take_over(self, collection: Collection) -> None:
        """Keeps the key of an earlier version as others are kept."""
        scope = collection.key
        raw = await self._keys.old_key(scope, collection.data_key)
        await self._keys.prepare(scope, collection.data_key)
        tenant_key = await self._keys.wrapping_key(scope)

        async def keep(transaction: Transaction) -> None:
            version = 1 + max(key.version for key in await self._sealing(transaction, scope))
            key = self._keys.wrapped_key(scope, KeyPurpose.SEAL, version, tenant_key, raw)
            await put_keys(transaction, added=[replace(key, state=KeyState.DECRYPT_ONLY)])

        await self._collections.update(scope, lambda found: _revised(found, data_key=b""), keep)

    async def _rotate_collection(self, scope: CollectionKey) -> None:
        await self._keys.prepare(scope)
        tenant_key = await self._keys.wrapping_key(scope)

        async def change(transaction: Transaction) -> None:
            present = await self._sealing(transaction, scope)
            version = 1 + max(key.version for key in present)
            await put_keys(
                transaction,
                added=[self._keys.new_key(scope, KeyPurpose.SEAL, version, tenant_key)],
                changed=_retired(present),
            )

        await self._collections.update(scope, _revised, change)

    async def _rotate_values(self, scope: CollectionKey) -> None:
        """Of what belongs to no records: services' values, and the server's own."""
        tenant_key = await self._keys.wrapping_key(scope)

        async def operation(transaction: Transaction) -> None:
            present = await self._sealing(transaction, scope)
            version = 1 + max(key.version for key in present)
            await put_keys(
                transaction,
                added=[self._keys.new_key(scope, KeyPurpose.SEAL, version, tenant_key)],
                changed=_retired(present),
            )

        await self._database.run(operation)

    async def _wrap_anew(self, key: StoredKey) -> None:
        raw = await self._masters.unwrap(key.wrapped_by, key.place, key.wrapped)
        master_id, wrapped = await self._masters.wrap(key.place, raw)

        async def operation(transaction: Transaction) -> None:
            # Unless it was destroyed meanwhile: that stays so.
            for now in await self._store.of_tenant(transaction, key.scope.tenant):
                if now == key:
                    changed = replace(key, wrapped=wrapped, wrapped_by=master_id)
                    await put_keys(transaction, changed=[changed])

        await self._database.run(operation)

    async def _sealing(self, transaction: Transaction, scope: CollectionKey) -> list[StoredKey]:
        return [
            key
            for key in await self._store.of_tenant(transaction, scope.tenant)
            if key.scope == scope and key.purpose is KeyPurpose.SEAL
        ]


def _retired(keys: Sequence[StoredKey]) -> list[StoredKey]:
    return [
        replace(key, state=KeyState.DECRYPT_ONLY) for key in keys if key.state is KeyState.ACTIVE
    ]


def _revised(collection: Collection, data_key: bytes | None = None) -> Collection:
    """Writes that were planned with other keys are planned again."""
    return replace(
        collection,
        revision=collection.revision + 1,
        data_key=collection.data_key if data_key is None else data_key,
    )
