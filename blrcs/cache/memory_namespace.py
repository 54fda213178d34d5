"""One namespace of the cache, in memory."""

from collections.abc import Callable

from blrcs.cache.watchers import Watchers
from blrcs.domain.cache_entry import (
    CacheEntry,
    CacheEvent,
    CacheEventKind,
    CacheFigures,
    Presence,
    SetCondition,
)
from blrcs.domain.errors import FailedPreconditionError, ResourceExhaustedError
from blrcs_native.cache import CONFLICT, NEVER_NS, TOO_LARGE, TtlCache

NUMBER_CONTENT_TYPE = "text/plain"
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
MAX_DIGITS = 20

Clock = Callable[[], int]


class _Stored:
    """What the native cache holds for a key."""

    __slots__ = ("content_type", "value", "version")

    def __init__(self, value: bytes, content_type: str) -> None:
        self.value = value
        self.content_type = content_type
        self.version = 0


class MemoryNamespace:
    """Entries that are evicted when they are too many, too large or too old.

    Args:
        default_ttl_ns: For entries set without one; 0 keeps them for ever.
        max_entries: Beyond, the least recently used are evicted.
        max_bytes: Likewise, of keys, values and content types.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which entries age; None for the system's monotonic clock.
    """

    def __init__(
        self,
        *,
        default_ttl_ns: int,
        max_entries: int,
        max_bytes: int,
        clock: Clock,
        monotonic: Clock,
    ) -> None:
        self.watchers = Watchers()
        self._clock = clock
        self._monotonic = monotonic
        # Versions go on where an earlier process cannot have come, so that none returns.
        self._first_version = clock()
        self._entries: TtlCache[str, _Stored] = TtlCache(
            max_entries,
            default_ttl_ns or NEVER_NS,
            max_bytes=max_bytes,
            on_evict=self._evicted,
            clock=monotonic,
        )

    def get(self, key: str) -> CacheEntry | None:
        """The entry, if there is one; counts as a use of it."""
        entry = self._entries.get_entry(key)
        if entry is None:
            return None
        return self._shown(key, entry.value, entry.deadline_ns)

    def set(
        self, key: str, value: bytes, content_type: str, ttl_ns: int | None, condition: SetCondition
    ) -> int | None:
        """The new version; None where the condition does not hold."""
        stored = _Stored(value, content_type)
        size_bytes = len(key.encode()) + len(value) + len(content_type)
        if condition.version is not None:
            expected = condition.version - self._first_version
            if expected <= 0:
                return None
            outcome = self._entries.compare_and_set(key, stored, expected, size_bytes, ttl_ns)
        elif condition.presence is Presence.ABSENT:
            outcome = self._entries.add(key, stored, size_bytes, ttl_ns)
        elif condition.presence is Presence.PRESENT:
            outcome = self._entries.replace(key, stored, size_bytes, ttl_ns)
        else:
            outcome = self._entries.set(key, stored, size_bytes, ttl_ns)
        if outcome == TOO_LARGE:
            raise ResourceExhaustedError(
                "CACHE_ENTRY_TOO_LARGE",
                f"the entry has {size_bytes} bytes, the namespace holds {self._entries.max_bytes}",
            )
        if outcome == CONFLICT:
            return None
        stored.version = self._first_version + outcome
        self.watchers.tell(CacheEvent(CacheEventKind.SET, key, stored.version))
        return stored.version

    def delete(self, key: str) -> bool:
        """Whether there was an entry."""
        stored = self._entries.pop(key)
        if stored is None:
            return False
        self.watchers.tell(CacheEvent(CacheEventKind.DELETED, key, stored.version))
        return True

    def increment(self, key: str, delta: int, ttl_ns: int | None) -> tuple[int, int]:
        """The number after adding, and the entry's version."""
        entry = self._entries.get_entry(key)
        number = delta
        content_type = NUMBER_CONTENT_TYPE
        if entry is not None:
            number += _number(entry.value.value)
            content_type = entry.value.content_type
            ttl_ns = _ttl_left(entry.deadline_ns, self._monotonic())
        if not INT64_MIN <= number <= INT64_MAX:
            raise FailedPreconditionError("NUMBER_OUT_OF_RANGE", "the sum does not fit in 64 bits")
        version = self.set(key, b"%d" % number, content_type, ttl_ns, SetCondition())
        return number, version or 0

    def touch(self, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """The entry with its new time to live, if there is one."""
        if not self._entries.touch(key, ttl_ns):
            return None
        return self.get(key)

    def flush(self) -> int:
        """Drops all entries; how many there were."""
        dropped = self._entries.invalidate()
        self.watchers.tell(CacheEvent(CacheEventKind.FLUSHED))
        return dropped

    def reclaim(self, limit: int) -> int:
        """Drops up to ``limit`` entries whose time is over; how many."""
        return self._entries.reclaim(limit)

    def figures(self) -> CacheFigures:
        """What it holds and has done."""
        stats = self._entries.stats()
        return CacheFigures(
            entries=len(self._entries),
            size_bytes=self._entries.used_bytes,
            hits=stats.hits,
            misses=stats.misses,
            evictions=stats.evictions,
            expirations=stats.expirations,
            max_entries=self._entries.max_entries,
            max_size_bytes=self._entries.max_bytes or 0,
        )

    def _shown(self, key: str, stored: _Stored, deadline_ns: int | None) -> CacheEntry:
        expire_time_ns = None
        if deadline_ns is not None:
            expire_time_ns = self._clock() + deadline_ns - self._monotonic()
        return CacheEntry(key, stored.value, stored.content_type, stored.version, expire_time_ns)

    def _evicted(self, key: str, stored: _Stored, reason: str) -> None:
        # Entries of a flushed generation were told of together.
        if reason == "expired":
            self.watchers.tell(CacheEvent(CacheEventKind.EXPIRED, key, stored.version))
        elif reason == "capacity":
            self.watchers.tell(CacheEvent(CacheEventKind.EVICTED, key, stored.version))


def _number(value: bytes) -> int:
    try:
        if len(value) <= MAX_DIGITS:
            return int(value.decode("ascii"))
    except ValueError:
        pass
    raise FailedPreconditionError("NOT_A_NUMBER", "the value is not a decimal number of 64 bits")


def _ttl_left(deadline_ns: int | None, now_ns: int) -> int:
    return NEVER_NS if deadline_ns is None else max(1, deadline_ns - now_ns)
