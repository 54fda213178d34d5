"""Keys of collections of records."""

from blrcs.domain.collection import Collection
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_ring import KeyRing


class StoredCollectionKeys:
    """Implements the CollectionKeys port."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    async def prepare(self, key: CollectionKey) -> None:
        """See the port."""
        await self._keys.prepare(key)

    async def of(self, collection: Collection) -> KeyRing:
        """See the port."""
        return await self._keys.ring(
            collection.key, collection.data_key, indexed=collection.has_blind_indexes
        )
