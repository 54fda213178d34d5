"""What a process has copied of the cache in Redis."""

from blrcs.cache.memory_namespace import Clock
from blrcs.cache.near import near_copies
from blrcs.cache.redis.names import CacheNames
from blrcs.config.cache import Cache
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.space import StoredEntry
from blrcs_native.cache.stamps import CacheStamps

WORD_BYTES = 8


class RedisCopies:
    """Copies of entries, what makes them old, and what they have answered.

    Args:
        settings: Those of the cache.
        stamps: What tells that copies are old; may be shared by processes.
        names: What the keys are called.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which copies age.

    Attributes:
        near: The copies.
    """

    def __init__(
        self,
        settings: Cache,
        stamps: CacheStamps,
        names: CacheNames,
        *,
        clock: Clock,
        monotonic: Clock,
    ) -> None:
        self._stamps = stamps
        self._names = names
        self._hits = CacheHits(bytearray(WORD_BYTES * settings.max_namespaces))
        self._columns: dict[str, int] = {}
        self._told_hits: dict[str, int] = {}
        self.near = near_copies(settings, stamps, self._hits, clock=clock, monotonic=monotonic)
        # Until it is heard of changes.
        self.near.good_until_ns = 0

    def keep(self, namespace: str, key: str, stamp: int, entry: StoredEntry) -> None:
        """Makes a copy of what was asked for after the stamp was read."""
        column = self._columns.get(namespace)
        if column is None and len(self._columns) < self._hits.count:
            column = self._columns[namespace] = len(self._columns)
        self.near.keep(namespace, key, stamp, entry, column)

    def good_until(self, instant_ns: int) -> None:
        """Until when copies may be used as they are."""
        self.near.good_until_ns = instant_ns

    def end(self, namespace: str, key: str) -> None:
        """The entry has changed, or may have; an empty key stands for all of the namespace."""
        stamps = self._stamps.of(namespace)
        if key:
            stamps.bump(key)
        else:
            stamps.bump_whole()

    def changed(self, name: bytes | None) -> None:
        """A key in Redis has; None where any may have."""
        if name is None:
            self._stamps.bump_all()
        else:
            self.end(*self._names.changed(name))

    def take_hits(self, namespace: str) -> int:
        """How often they have answered since this was last called."""
        column = self._columns.get(namespace)
        if column is None:
            return 0
        counted = self._hits[column]
        hits, self._told_hits[namespace] = counted - self._told_hits.get(namespace, 0), counted
        return hits
