"""The cache of a single process, in memory."""

import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from blrcs.cache.memory_namespace import Clock, MemoryNamespace, Tell
from blrcs.cache.refusals import too_many_namespaces
from blrcs.cache.watchers import MAX_PENDING, Watchers
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry, CacheEvent, CacheFigures, SetCondition

RECLAIMED_AT_ONCE = 10_000
# A watcher that keeps up must not fall behind by one reclaiming.
TOLD_AT_ONCE = MAX_PENDING // 2


class MemoryCache:
    """Implements the CacheStore port. Belongs to the event loop.

    Args:
        settings: Bounds and default times to live.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which entries age; None for the system's monotonic clock.
    """

    def __init__(
        self, settings: Cache, *, clock: Clock = time.time_ns, monotonic: Clock | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._namespaces: dict[str, MemoryNamespace] = {}
        self._watchers = Watchers()

    @property
    def namespaces(self) -> dict[str, MemoryNamespace]:
        """Those that exist; always the same dict."""
        return self._namespaces

    @property
    def watched(self) -> dict[str, Any]:
        """The namespaces that somebody watches; always the same dict."""
        return self._watchers.watched

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
        found = self._found_or_new(namespace)
        version = found.set(key, value, content_type, ttl_ns, condition)
        if version is not None:
            self._namespaces[namespace] = found
        return version

    async def delete(self, namespace: str, key: str) -> bool:
        """See the port."""
        found = self._namespaces.get(namespace)
        return found is not None and found.delete(key)

    async def increment(
        self, namespace: str, key: str, delta: int, ttl_ns: int | None
    ) -> tuple[int, int]:
        """See the port."""
        found = self._found_or_new(namespace)
        incremented = found.increment(key, delta, ttl_ns)
        self._namespaces[namespace] = found
        return incremented

    async def touch(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """See the port."""
        found = self._namespaces.get(namespace)
        return None if found is None else found.touch(key, ttl_ns)

    async def figures(self, namespace: str) -> CacheFigures:
        """See the port."""
        found = self._namespaces.get(namespace)
        return self._new(namespace).figures() if found is None else found.figures()

    async def flush(self, namespace: str) -> int:
        """See the port."""
        found = self._namespaces.get(namespace)
        return 0 if found is None else found.flush()

    def watch(self, namespace: str, key_prefix: str) -> AsyncGenerator[CacheEvent, None]:
        """See the port."""
        return self._watchers.watch(namespace, key_prefix)

    def finish_watching(self) -> None:
        """Ends all watches with UnavailableError, so that they do not keep a server from ending."""
        self._watchers.finish()

    def close(self) -> None:
        """Nothing is open."""

    def reclaim(self) -> int:
        """Frees memory of entries that expired or were flushed; to be called regularly.

        A bounded number at once, and no more than the namespace's watchers can take in.

        Returns:
            How many it freed.
        """
        left = RECLAIMED_AT_ONCE
        for name, namespace in self._namespaces.items():
            limit = min(left, TOLD_AT_ONCE) if self._watchers.count(name) else left
            left -= namespace.reclaim(limit)
        return RECLAIMED_AT_ONCE - left

    def _found_or_new(self, namespace: str) -> MemoryNamespace:
        # A new one is kept only once something has been written to it.
        found = self._namespaces.get(namespace)
        if found is not None:
            return found
        if len(self._namespaces) >= self._settings.max_namespaces:
            self._drop_an_empty_one()
        if len(self._namespaces) >= self._settings.max_namespaces:
            raise too_many_namespaces(self._settings.max_namespaces)
        return self._new(namespace)

    def _drop_an_empty_one(self) -> None:
        """Makes room; the versions of a namespace made anew go on above the old ones."""
        for name, namespace in self._namespaces.items():
            if namespace.is_empty:
                del self._namespaces[name]
                return

    def _tells(self, namespace: str) -> Tell:
        """Told of all that happens to the namespace's entries, but for new times to live."""
        return partial(self._watchers.tell, namespace)

    def _new(self, namespace: str) -> MemoryNamespace:
        settings = self._settings.namespace(namespace)
        return MemoryNamespace(
            default_ttl_ns=settings.default_ttl.ns if settings.default_ttl else 0,
            max_entries=settings.max_entries or 1,
            max_bytes=settings.max_bytes or 1,
            tell=self._tells(namespace),
            clock=self._clock,
            monotonic=self._monotonic,
        )
