"""One namespace of the cache, in memory."""

import re
import time
from collections.abc import Callable
from typing import Protocol

from blrcs.cache.refusals import not_a_number, out_of_range, too_large
from blrcs.domain.cache_entry import (
    CacheEntry,
    CacheEventKind,
    CacheFigures,
    Presence,
    SetCondition,
)
from blrcs_native.cache.caches import CONFLICT, NEVER_NS, TOO_LARGE, TtlCache
from blrcs_native.cache.space import CacheSpace, StoredEntry

NUMBER_CONTENT_TYPE = "text/plain"
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
NUMBER = re.compile(rb"-?[0-9]{1,19}")

Clock = Callable[[], int]


class Tell(Protocol):
    """Told of what happens to an entry, or, where the key is empty, to all."""

    def __call__(self, kind: CacheEventKind, key: str = "", version: int = 0) -> None:
        """Does not wait."""
        ...


class MemoryNamespace(CacheSpace):
    """Entries that are evicted when they are too many, too large or too old.

    What its base class holds lets native handlers look up and write without a Python call; they
    leave to this one what watchers are told of.

    Args:
        default_ttl_ns: For entries set without one; 0 keeps them for ever.
        max_entries: Beyond, the least recently used are evicted.
        max_bytes: Likewise, of keys, values and content types.
        tell: Told of every change.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which entries age; None for the system's monotonic clock.
    """

    def __init__(
        self,
        *,
        default_ttl_ns: int,
        max_entries: int,
        max_bytes: int,
        tell: Tell,
        clock: Clock,
        monotonic: Clock | None,
    ) -> None:
        self._tell = tell
        self._monotonic = monotonic or time.monotonic_ns
        # Of flushed generations, and not reclaimed yet.
        self._stale_entries = 0
        self._stale_bytes = 0
        super().__init__(
            TtlCache(
                max_entries,
                default_ttl_ns or NEVER_NS,
                max_bytes=max_bytes,
                on_evict=self._evicted,
                clock=monotonic,
            ),
            default_ttl_ns=default_ttl_ns,
            max_bytes=max_bytes,
            # Versions go on where an earlier process cannot have come, so that none returns.
            first_version=clock(),
            clock=clock,
            monotonic=self._monotonic,
        )

    def get(self, key: str) -> CacheEntry | None:
        """The entry, if there is one; counts as a use of it."""
        stored = self.entries.get(key)
        return None if stored is None else self._shown(key, stored)

    def set(
        self, key: str, value: bytes, content_type: str, ttl_ns: int | None, condition: SetCondition
    ) -> int | None:
        """The new version; None where the condition does not hold.

        Raises:
            ResourceExhaustedError: The entry alone is larger than the namespace.
        """
        stored = StoredEntry(key, value, content_type, self._deadline_ns(ttl_ns))
        return self._put(key, stored, condition)

    def delete(self, key: str) -> bool:
        """Whether there was an entry."""
        stored = self.entries.pop(key)
        if stored is None:
            return False
        self._tell(CacheEventKind.DELETED, key, stored.version)
        return True

    def increment(self, key: str, delta: int, ttl_ns: int | None) -> tuple[int, int]:
        """The number after adding, and the entry's version."""
        found = self.entries.peek(key)
        if found is None:
            number, content_type = delta, NUMBER_CONTENT_TYPE
            deadline_ns = self._deadline_ns(ttl_ns)
        else:
            number, content_type = _number(found.value) + delta, found.content_type
            deadline_ns = found.deadline_ns
        if not INT64_MIN <= number <= INT64_MAX:
            raise out_of_range()
        stored = StoredEntry(key, b"%d" % number, content_type, deadline_ns)
        self._put(key, stored, SetCondition())
        return number, stored.version

    def touch(self, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """The entry with its new time to live, if there is one; counts neither hit nor miss."""
        deadline_ns = self._deadline_ns(ttl_ns)
        if not self.entries.touch(key, self._ttl_left(deadline_ns)):
            return None
        stored = self.entries.peek(key)
        if stored is None:  # it was given so little time that it is over
            return None
        stored.deadline_ns = deadline_ns
        return self._shown(key, stored)

    def flush(self) -> int:
        """Drops all entries, in constant time; how many there were.

        Entries whose time is over count while nobody has noticed.
        """
        dropped = len(self.entries) - self._stale_entries
        self.entries.invalidate()
        self._stale_entries = len(self.entries)
        self._stale_bytes = self.entries.used_bytes
        self._tell(CacheEventKind.FLUSHED)
        return dropped

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing, not even what has yet to be reclaimed."""
        return not len(self.entries)

    def reclaim(self, limit: int) -> int:
        """Frees up to ``limit`` entries that expired or were flushed; how many."""
        return self.entries.reclaim(limit)

    def figures(self) -> CacheFigures:
        """What it holds and has done."""
        stats = self.entries.stats()
        return CacheFigures(
            entries=len(self.entries) - self._stale_entries,
            size_bytes=self.entries.used_bytes - self._stale_bytes,
            hits=stats.hits,
            misses=stats.misses,
            evictions=stats.evictions,
            expirations=stats.expirations,
            max_entries=self.entries.max_entries,
            max_size_bytes=self.max_bytes,
        )

    def _put(self, key: str, stored: StoredEntry, condition: SetCondition) -> int | None:
        size_bytes = stored.size_bytes
        ttl_ns = self._ttl_left(stored.deadline_ns)
        if condition.version is not None:
            # Native versions begin with 1: no entry has the version 0.
            expected = max(0, condition.version - self.first_version)
            outcome = self.entries.compare_and_set(key, stored, expected, size_bytes, ttl_ns)
        elif condition.presence is Presence.ABSENT:
            outcome = self.entries.add(key, stored, size_bytes, ttl_ns)
        elif condition.presence is Presence.PRESENT:
            outcome = self.entries.replace(key, stored, size_bytes, ttl_ns)
        else:
            outcome = self.entries.set(key, stored, size_bytes, ttl_ns)
        if outcome == TOO_LARGE:
            raise too_large(size_bytes, self.max_bytes)
        if outcome == CONFLICT:
            return None
        stored.version = self.first_version + outcome
        self._tell(CacheEventKind.SET, key, stored.version)
        return stored.version

    def _deadline_ns(self, ttl_ns: int | None) -> int | None:
        ttl_ns = self.default_ttl_ns if ttl_ns is None else ttl_ns
        return self._monotonic() + ttl_ns if ttl_ns else None

    def _ttl_left(self, deadline_ns: int | None) -> int:
        return NEVER_NS if deadline_ns is None else max(1, deadline_ns - self._monotonic())

    def _shown(self, key: str, stored: StoredEntry) -> CacheEntry:
        expire_time_ns = self.expire_time_ns(stored)
        return CacheEntry(key, stored.value, stored.content_type, stored.version, expire_time_ns)

    def _evicted(self, key: str, stored: StoredEntry, reason: str) -> None:
        if reason == "invalidated":
            # Told of together, when they were flushed.
            self._stale_entries -= 1
            self._stale_bytes -= stored.size_bytes
        elif reason == "expired":
            self._tell(CacheEventKind.EXPIRED, key, stored.version)
        else:
            self._tell(CacheEventKind.EVICTED, key, stored.version)


def _number(value: bytes) -> int:
    if NUMBER.fullmatch(value):
        number = int(value)
        if INT64_MIN <= number <= INT64_MAX:
            return number
    raise not_a_number()
