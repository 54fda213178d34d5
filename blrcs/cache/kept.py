"""The cache of a server of several processes, in the one that keeps it."""

import time
from collections.abc import Sequence
from dataclasses import replace

from blrcs.cache.memory import MemoryCache
from blrcs.cache.memory_namespace import Clock, Tell
from blrcs.cache.near import NearHits
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry, CacheEventKind, CacheFigures
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.stamps import CacheStamps

Kept = tuple[bytes, str, int, int | None, int | None]
"""Value, content type, version, deadline by the monotonic clock, and column of hits."""


class KeptCache(MemoryCache):
    """A cache in memory of whose entries other processes have copies.

    Every change makes the copies old before its method returns, and so before anybody is told. An
    entry whose time is over needs no telling: its copies end at the same instant.

    Args:
        settings: As for MemoryCache.
        stamps: What tells that copies are old; all are, once this is made.
        hits: Where the processes count what copies answered.
        clock: As for MemoryCache.
        monotonic: Likewise.
    """

    def __init__(
        self,
        settings: Cache,
        *,
        stamps: CacheStamps,
        hits: Sequence[CacheHits],
        clock: Clock = time.time_ns,
        monotonic: Clock | None = None,
    ) -> None:
        super().__init__(settings, clock=clock, monotonic=monotonic)
        self._stamps = stamps
        self._hits = NearHits(hits, self.namespaces)
        stamps.bump_all()

    async def find(self, namespace: str, key: str) -> Kept | None:
        """Like get, but what a copy is made of."""
        found = self.namespaces.get(namespace)
        stored = None if found is None else found.entries.get(key)
        if stored is None:
            return None
        column = self._hits.column(namespace)
        return stored.value, stored.content_type, stored.version, stored.deadline_ns, column

    async def touch(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """See the port."""
        touched = await super().touch(namespace, key, ttl_ns)
        # Also where it was given so little time that it is over.
        self._stamps.of(namespace).bump(key)
        return touched

    async def figures(self, namespace: str) -> CacheFigures:
        """See the port. What copies answered counts as a hit."""
        figures = await super().figures(namespace)
        return replace(figures, hits=figures.hits + self._hits.count(namespace))

    def use(self, namespace: str, keys: list[str]) -> None:
        """Copies of these have answered: the entries count as used."""
        found = self.namespaces.get(namespace)
        if found is not None:
            found.use(keys)

    def _tells(self, namespace: str) -> Tell:
        stamps, tell = self._stamps.of(namespace), super()._tells(namespace)

        def tell_all(kind: CacheEventKind, key: str = "", version: int = 0) -> None:
            if kind is CacheEventKind.FLUSHED:
                stamps.bump_whole()
            elif kind is not CacheEventKind.EXPIRED:
                stamps.bump(key)
            tell(kind, key, version)

        return tell_all
