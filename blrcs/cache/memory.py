"""The cache of a single process, in memory."""

import time
from collections.abc import AsyncIterator, Sequence

from blrcs.cache.memory_namespace import Clock, MemoryNamespace
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry, CacheEvent, CacheFigures, SetCondition
from blrcs.domain.errors import ResourceExhaustedError

RECLAIMED_AT_ONCE = 1000


class MemoryCache:
    """Implements the CacheStore port. Belongs to the event loop.

    Args:
        settings: Bounds and default times to live.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which entries age.
    """

    def __init__(
        self,
        settings: Cache,
        *,
        clock: Clock = time.time_ns,
        monotonic: Clock = time.monotonic_ns,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._namespaces: dict[str, MemoryNamespace] = {}

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        """See the port."""
        found = self._namespaces.get(namespace)
        return None if found is None else found.get(key)

    async def get_many(self, namespace: str, keys: Sequence[str]) -> Sequence[CacheEntry]:
        """See the port."""
        found = self._namespaces.get(namespace)
        if found is None:
            return []
        return [entry for key in keys if (entry := found.get(key)) is not None]

    async def set(
        self,
        namespace: str,
        key: str,
        value: bytes,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int | None:
        """See the port."""
        return self._made(namespace).set(key, value, content_type, ttl_ns, condition)

    async def delete(self, namespace: str, key: str) -> bool:
        """See the port."""
        found = self._namespaces.get(namespace)
        return found is not None and found.delete(key)

    async def increment(
        self, namespace: str, key: str, delta: int, ttl_ns: int | None
    ) -> tuple[int, int]:
        """See the port."""
        return self._made(namespace).increment(key, delta, ttl_ns)

    async def touch(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """See the port."""
        found = self._namespaces.get(namespace)
        return None if found is None else found.touch(key, ttl_ns)

    async def figures(self, namespace: str) -> CacheFigures:
        """See the port."""
        found = self._namespaces.get(namespace)
        return self._empty(namespace).figures() if found is None else found.figures()

    async def flush(self, namespace: str) -> int:
        """See the port."""
        found = self._namespaces.get(namespace)
        return 0 if found is None else found.flush()

    async def watch(self, namespace: str, key_prefix: str) -> AsyncIterator[CacheEvent]:
        """See the port."""
        async for event in self._made(namespace).watchers.watch(key_prefix):
            yield event

    def reclaim(self) -> int:
        """Frees memory of entries whose time is over, a bounded number; to be called regularly."""
        return sum(each.reclaim(RECLAIMED_AT_ONCE) for each in self._namespaces.values())

    def _made(self, namespace: str) -> MemoryNamespace:
        found = self._namespaces.get(namespace)
        if found is not None:
            return found
        if len(self._namespaces) >= self._settings.max_namespaces:
            raise ResourceExhaustedError(
                "CACHE_NAMESPACES_EXHAUSTED",
                f"there are {self._settings.max_namespaces} namespaces already",
            )
        made = self._namespaces[namespace] = self._empty(namespace)
        return made

    def _empty(self, namespace: str) -> MemoryNamespace:
        settings = self._settings.namespace(namespace)
        return MemoryNamespace(
            default_ttl_ns=settings.default_ttl.ns if settings.default_ttl else 0,
            max_entries=settings.max_entries or 1,
            max_bytes=settings.max_bytes or 1,
            clock=self._clock,
            monotonic=self._monotonic,
        )
