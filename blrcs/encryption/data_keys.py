"""Data keys of tenants and collections: made, unwrapped, and forgotten when they change."""

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from blrcs.application.ports.clock import Clock
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.sealed_value import key_id_in
from blrcs.encryption.data_key import KEY_BYTES, DataKey, Random, key_id
from blrcs.encryption.key_problems import KeyProblems
from blrcs.encryption.key_ring import KeyRing
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.known_master import (
    CHECK_PLACE,
    CHECKED,
    require_checked,
    require_known,
)
from blrcs.encryption.master_key import MasterKeyError, MasterKeys, altered
from blrcs.encryption.place import place
from blrcs.encryption.stored_key import (
    TENANT_WIDE,
    KeyPurpose,
    KeyState,
    StoredKey,
    wrapping_place,
)

MAX_KEPT = 1024
DESTROYED = "ENCRYPTION_KEYS_DESTROYED"
ROUNDS = 8
"""In each a key is made that is missing, or found to have been made meanwhile; few are needed."""


class _Wrapped(NamedTuple):
    """A tenant's key as it is stored: one that is put elsewhere, or edited, is another one."""

    place: bytes
    wrapped_by: str
    wrapped: bytes


class WrappingKeys(NamedTuple):
    """A tenant's own keys by their ids, and their versions; false where it has none."""

    by_id: dict[str, DataKey]
    versions: list[int]

    def __bool__(self) -> bool:
        return bool(self.by_id)


class DataKeys:
    """Gives the keys of collections, each wrapped by its tenant's, and those by the master key.

    What it has unwrapped is kept in memory, of a bounded number of tenants and collections, until
    ``look`` finds that keys have changed. Belongs to the event loop.

    Methods raise FailedPreconditionError where the master key is missing or another one, the
    tenant's keys were destroyed, or there is no key of what is encrypted: none is made in the place
    of one that is gone. Then nothing has been done.
    """

    def __init__(
        self,
        store: KeyStore,
        masters: MasterKeys,
        clock: Clock,
        random: Random | None = None,
        problems: KeyProblems | None = None,
    ) -> None:
        self._store = store
        self._masters = masters
        self._clock = clock
        self._random = random
        self._problems = problems
        self._tenants: OrderedDict[_Wrapped, DataKey] = OrderedDict()
        self._rings: OrderedDict[CollectionKey, KeyRing] = OrderedDict()
        self._epoch: bytes | None = None
        self._in_use = False

    async def check(self) -> None:
        """Raises MasterKeyError unless the master key is fit; see ``require_known``."""
        await require_known(self._masters, await self._store.known_master())

    async def prepare(self, scope: CollectionKey, old_data_key: bytes = b"") -> None:
        """Sees to it that a scope has keys; the first time of all the master key is made."""
        await self._ring(scope, old_data_key)

    async def ring(
        self, scope: CollectionKey, old_data_key: bytes = b"", *, indexed: bool = False
    ) -> KeyRing:
        """The keys as they are stored now; they are made where there are none.

        Args:
            scope: Whose.
            old_data_key: What an earlier version has wrapped, if there is any.
            indexed: Whether there is to be one for blind indexes.
        """
        return await self._ring(scope, old_data_key, indexed=indexed)

    async def known_ring(
        self, scope: CollectionKey, *, indexed: bool = False, anew: bool = False
    ) -> KeyRing:
        """The keys as they were known last, for values beside records; ``anew``: as they are."""
        found = None if anew else self._rings.get(scope)
        if found is None:
            found = self._rings[scope] = await self._ring(scope, b"", indexed=indexed)
            if len(self._rings) > MAX_KEPT:
                self._rings.popitem(last=False)
        self._rings.move_to_end(scope)
        return found

    async def old_key(self, scope: CollectionKey, wrapped: bytes) -> bytes:
        """A data key that an earlier version has wrapped by the master key itself."""
        return await self._masters.unwrap(key_id_in(wrapped).hex(), place(*scope), wrapped)

    async def wrapping_key(self, scope: CollectionKey) -> DataKey:
        """The tenant's own, which there is since ``prepare``."""
        stored = await self._store.of_scope(scope)
        return await self.tenant_key(_active(key for key in stored if key.is_tenants))

    async def wrapping_keys(self, scope: CollectionKey) -> WrappingKeys:
        """All that a tenant's keys may be wrapped by."""
        stored = [
            key
            for key in await self._store.of_scope(scope)
            if key.is_tenants and key.state is not KeyState.DESTROYED
        ]
        by_id = {key.key_id.hex(): await self.tenant_key(key) for key in stored}
        return WrappingKeys(by_id, [key.version for key in stored])

    async def look(self) -> bool:
        """Whether keys have changed since the last look; then none is known any more."""
        if not self._in_use:
            return False
        epoch = await self._store.epoch()
        moved = self._epoch is not None and self._epoch != epoch
        self._epoch = epoch
        if moved:
            self._tenants.clear()
            self._rings.clear()
        return moved

    async def prepare_master(self) -> None:
        """Has the master key made and known where no key was ever wrapped."""
        known = await self._store.known_master()
        await require_known(self._masters, known)
        if known.check is not None:
            return
        if not known.old_id:
            await self._masters.prepare()
        master_id, wrapped = await self._masters.wrap(CHECK_PLACE, CHECKED)
        await require_checked(self._masters, *await self._store.begin_check(master_id, wrapped))

    async def _ring(
        self, scope: CollectionKey, old_data_key: bytes, *, indexed: bool = False
    ) -> KeyRing:
        if not self._in_use:
            self._epoch = await self._store.epoch()
            self._in_use = True
        try:
            return await self._found_or_made(scope, old_data_key, indexed=indexed)
        except MasterKeyError as error:
            self._tell(scope, error)
            raise unusable() from error
        except FailedPreconditionError as error:
            if error.reason != DESTROYED:
                self._tell(scope, error)
            raise

    def _tell(self, scope: CollectionKey, error: Exception) -> None:
        if self._problems is not None:
            self._problems.met(scope, error)

    async def _found_or_made(
        self, scope: CollectionKey, old_data_key: bytes, *, indexed: bool
    ) -> KeyRing:
        for _ in range(ROUNDS):
            stored = await self._store.of_scope(scope)
            missing = self._missing(stored, indexed=indexed)
            if missing is None:
                return await self._opened(scope, stored, old_data_key)
            try:
                await self._require_unused(scope, missing, old_data_key)
            except MasterKeyError:
                # What was encrypted may be so by a key that another process has made since.
                stored = await self._store.of_scope(scope)
                if self._missing(stored, indexed=indexed) is missing:
                    raise
                continue
            await self._store.add(await self._made(scope, missing, stored))
        raise unusable()

    async def _require_unused(
        self, scope: CollectionKey, missing: KeyPurpose, old_data_key: bytes
    ) -> None:
        """Raises MasterKeyError where there was the key that is missing.

        Told by what is encrypted, but not by the key of an earlier version: in the scope, and if it
        is the tenant's own key by that of all its collections.
        """
        await self._store.require_tenants(scope.tenant)
        scopes = {scope: old_data_key}
        if missing is KeyPurpose.WRAP:
            scopes |= await self._store.sealing_scopes(scope.tenant)
        for each, wrapped in scopes.items():
            but_by = key_id(await self.old_key(each, wrapped)) if wrapped else b""
            await self._store.require_unused(each, but_by=but_by)

    def _missing(self, stored: Sequence[StoredKey], *, indexed: bool) -> KeyPurpose | None:
        """What there is to be a key for, and is none."""
        of_tenant = [key for key in stored if key.is_tenants]
        if not of_tenant:
            if stored:
                raise altered("a tenant's key")
            return KeyPurpose.WRAP
        _active(of_tenant)
        for purpose in (KeyPurpose.SEAL, KeyPurpose.INDEX) if indexed else (KeyPurpose.SEAL,):
            of_scope = [key for key in stored if key.purpose is purpose]
            if any(key.state is KeyState.ACTIVE for key in of_scope):
                continue
            # Keys go only after others have come, and the one that seals comes first of all.
            if of_scope or (purpose is KeyPurpose.SEAL and len(stored) > len(of_tenant)):
                raise altered("the state of a data key")
            return purpose
        return None

    async def _made(
        self, scope: CollectionKey, purpose: KeyPurpose, stored: Sequence[StoredKey]
    ) -> StoredKey:
        if purpose is KeyPurpose.WRAP:
            await self.prepare_master()
            return await self.new_tenant_key(CollectionKey(scope.tenant, TENANT_WIDE), version=1)
        tenant_key = await self.tenant_key(_active(key for key in stored if key.is_tenants))
        return self.new_key(scope, purpose, 1, tenant_key)

    async def _opened(
        self, scope: CollectionKey, stored: Iterable[StoredKey], old_data_key: bytes
    ) -> KeyRing:
        tenant_keys = {
            key.key_id.hex(): await self.tenant_key(key)
            for key in stored
            if key.purpose is KeyPurpose.WRAP and key.state is not KeyState.DESTROYED
        }
        active: DataKey | None = None
        others = []
        index_key = None
        for key in stored:
            if key.purpose is KeyPurpose.WRAP or key.state is KeyState.DESTROYED:
                continue
            wrapping = tenant_keys.get(key.wrapped_by)
            if wrapping is None:
                raise altered("what wraps a data key")
            raw = wrapping.open(key.place, key.wrapped)
            if key.purpose is KeyPurpose.INDEX:
                index_key = raw
            elif key.state is KeyState.ACTIVE:
                active = DataKey(raw, self._random)
            else:
                others.append(DataKey(raw, self._random))
        if active is None:
            raise unusable()
        if old_data_key:
            others.append(DataKey(await self.old_key(scope, old_data_key), self._random))
        return KeyRing(scope, active, others, index_key)

    async def new_tenant_key(self, scope: CollectionKey, version: int) -> StoredKey:
        """A new key that wraps a tenant's others, not stored yet."""
        raw = (self._random or os.urandom)(KEY_BYTES)
        master_id, wrapped = await self._masters.wrap(wrapping_place(scope, KeyPurpose.WRAP), raw)
        return self._stored(scope, KeyPurpose.WRAP, version, raw, wrapped, master_id)

    def new_key(
        self, scope: CollectionKey, purpose: KeyPurpose, version: int, tenant_key: DataKey
    ) -> StoredKey:
        """A new key of a scope, not stored yet."""
        raw = (self._random or os.urandom)(KEY_BYTES)
        return self.wrapped_key(scope, purpose, version, tenant_key, raw)

    def wrapped_key(
        self,
        scope: CollectionKey,
        purpose: KeyPurpose,
        version: int,
        tenant_key: DataKey,
        raw: bytes,
    ) -> StoredKey:
        """A key of a scope, not stored yet."""
        wrapped = tenant_key.seal(wrapping_place(scope, purpose), raw)
        return self._stored(scope, purpose, version, raw, wrapped, tenant_key.id.hex())

    def _stored(
        self,
        scope: CollectionKey,
        purpose: KeyPurpose,
        version: int,
        raw: bytes,
        wrapped: bytes,
        wrapped_by: str,
    ) -> StoredKey:
        return StoredKey(
            scope=scope,
            purpose=purpose,
            version=version,
            key_id=key_id(raw),
            wrapped=wrapped,
            wrapped_by=wrapped_by,
            state=KeyState.ACTIVE,
            created_at_ns=self._clock(),
        )

    async def tenant_key(self, stored: StoredKey) -> DataKey:
        """A key that wraps a tenant's others."""
        itself = _Wrapped(stored.place, stored.wrapped_by, stored.wrapped)
        found = self._tenants.get(itself)
        if found is None:
            raw = await self._masters.unwrap(stored.wrapped_by, stored.place, stored.wrapped)
            found = self._tenants[itself] = DataKey(raw, self._random)
            if len(self._tenants) > MAX_KEPT:
                self._tenants.popitem(last=False)
        if found.id != stored.key_id:
            raise altered("the id of a tenant's key")
        return found


def _active(keys: Iterable[StoredKey]) -> StoredKey:
    for key in keys:
        if key.state is KeyState.ACTIVE:
            return key
    raise FailedPreconditionError(
        DESTROYED, "the keys of what this tenant has encrypted were destroyed"
    )


def unusable() -> FailedPreconditionError:
    """What callers are told where there is something wrong with the master key."""
    return FailedPreconditionError(
        "ENCRYPTION_KEY_UNUSABLE", "the server does not have the key for encrypted fields"
    )
