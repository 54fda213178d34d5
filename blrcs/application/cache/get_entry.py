"""Reading an entry."""

from blrcs.application.ports.cache import CacheStore
from blrcs.domain.cache_entry import CacheEntry
from blrcs.domain.errors import NotFoundError


class GetEntry:
    """Reads one entry."""

    def __init__(self, *, store: CacheStore) -> None:
        self._store = store

    async def __call__(self, namespace: str, key: str) -> CacheEntry:
        """The entry; NotFoundError where there is none."""
        entry = await self._store.get(namespace, key)
        if entry is None:
            raise missing_entry(namespace)
        return entry


def missing_entry(namespace: str) -> NotFoundError:
    """There is no entry of the key. Keys can be secrets: the error does not repeat them."""
    return NotFoundError(f"the entry in caches/{namespace}", reason="CACHE_ENTRY_NOT_FOUND")
