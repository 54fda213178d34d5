"""Giving an entry a new time to live."""

from blrcs.application.cache.get_entry import missing_entry
from blrcs.application.ports.cache import CacheStore
from blrcs.domain.cache_entry import CacheEntry


class TouchEntry:
    """Sets the time to live of one entry anew."""

    def __init__(self, *, store: CacheStore) -> None:
        self._store = store

    async def __call__(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry:
        """The entry with its new time; NotFoundError where there is none."""
        entry = await self._store.touch(namespace, key, ttl_ns)
        if entry is None:
            raise missing_entry(namespace)
        return entry
