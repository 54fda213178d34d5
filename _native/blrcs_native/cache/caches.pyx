"""Bounded caches in memory: least recently used, with and without a time to live.

This is their face: how entries come and go is the business of cache_store, how they lie in memory
that of cache_table.

Concurrency: every method is one step for other threads, and for the code that it calls itself.
`__hash__`, `__eq__`, `size_of`, `clock`, `on_evict` and finalizers may use the same cache, which
they find whole, and may raise: from `on_evict` and finalizers the exception goes to
`sys.unraisablehook` and the call that led there succeeds; any other leaves the cache as it was and
reaches the caller.
"""

from collections import namedtuple
from types import GenericAlias

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint32_t

from blrcs_native.cache.store cimport (
    ALWAYS,
    CONFLICT_C,
    IF_ABSENT,
    IF_PRESENT,
    IF_VERSION,
    TOO_LARGE_C,
    CacheStore,
)
from blrcs_native.cache.table cimport (
    NONE,
    Node,
    expect,
    expire_at,
    find,
    hash_of,
    size_bytes_of,
    tag_of,
    warm,
)

CONFLICT = CONFLICT_C
TOO_LARGE = TOO_LARGE_C
NEVER_NS = INT64_MAX

cdef int64_t MAX_ENTRIES = 1 << 30
cdef int64_t MAX_BYTES = 1 << 52  # leaves room for sums that callbacks raise over the limit

CacheStats = namedtuple(
    "CacheStats",
    "hits misses inserts updates deletes evictions expirations invalidations refusals",
)
CacheStats.__doc__ = """What a cache has counted since it was made.

`evictions` made room; `refusals` were larger than the byte limit. `clear()` counts nothing.
"""


@cython.final
@cython.freelist(64)
cdef class Entry:
    """An entry as it was when `get_entry()` found it; later writes do not show in it."""

    def __init__(self):
        raise TypeError("entries are made by get_entry()")

    @property
    def deadline_ns(self):
        """When it expires, by the clock of its cache; None if it never does."""
        return None if self._deadline_ns == INT64_MAX else self._deadline_ns


cdef int64_t _ttl(object ttl_ns) except -1:
    if ttl_ns is None:
        return 0
    cdef int64_t value = ttl_ns
    if value <= 0:
        raise ValueError("ttl_ns is at least 1")
    return value


cdef class Cache(CacheStore):
    """What both caches do. `len()` and `used_bytes` count dead entries not yet reclaimed.

    A key is dead, and so absent to every method, once its entry has expired (`now >= deadline`) or
    `invalidate()` was called after it was written. Versions are those of the cache: each write
    takes the next one, so none ever comes back, not even for a key that was deleted between.

    `on_evict(key, value, reason)` is called after an entry is gone that the cache took out by
    itself: for capacity, expired or invalidated. What the caller deletes or overwrites is not
    reported.
    """

    __class_getitem__ = classmethod(GenericAlias)

    def __cinit__(self, *args, **kwargs):
        if not isinstance(self, (LruCache, TtlCache)):
            raise TypeError("a cache is an LruCache or a TtlCache")

    @property
    def max_bytes(self):
        """The byte limit, or None."""
        return None if self._max_bytes == MAX_BYTES else self._max_bytes

    # Called as a plain C function, with so few instructions that the processor reaches the next
    # get() while it still waits for the memory of this one. `set` likewise.
    @cython.binding(False)
    def get(self, key, default=None):
        """The value of `key`, which becomes the most recently used; counts a hit or a miss."""
        return self.get_c(key, default)

    def get_entry(self, key):
        """Like `get()`, but the value with its version, size and deadline; None if absent."""
        cdef Entry entry = Entry.__new__(Entry)
        cdef uint32_t n = self._find_live(key, tag_of(hash_of(key)), self._now())
        if n == NONE:
            self._misses += 1
            return None
        cdef Node* node = &self._table.nodes[n]
        self._hits += 1
        warm(&self._table, n)
        entry.value = <object>node.value
        entry.version = node.version
        entry.size_bytes = node.size_bytes
        entry._deadline_ns = node.deadline_ns
        return entry

    def peek(self, key, default=None):
        """The value of `key`, leaving order and counts as they are."""
        cdef uint32_t n = self._peek(key)
        return default if n == NONE else <object>self._table.nodes[n].value

    def __contains__(self, key):
        return self._peek(key) != NONE

    def __len__(self):
        return self._table.count

    def __sizeof__(self):
        """The bytes of the cache itself, without keys and values."""
        return object.__sizeof__(self) + size_bytes_of(&self._table)

    def __iter__(self):
        """Over a snapshot of the live keys, the least recently used first. Takes O(n)."""
        cdef list keys = []
        cdef int64_t now = self._now()
        cdef uint32_t n = self._table.nodes[0].warmer if self._table.count else NONE
        while n != NONE:
            if self._is_live(n, now):
                keys.append(<object>self._table.nodes[n].key)
            n = self._table.nodes[n].warmer
        return iter(keys)

    def pop(self, key, default=None):
        """Deletes `key` and returns its value; counts no hit and no miss."""
        cdef uint32_t n = self._find_live(key, tag_of(hash_of(key)), self._now())
        if n == NONE:
            return default
        value = <object>self._table.nodes[n].value
        self._delete(n)
        return value

    def delete(self, key):
        """Deletes `key`; whether it was there."""
        return self.delete_c(key)

    def clear(self):
        """Drops all entries and gives their memory back. Takes O(n); `on_evict` is not called."""
        self._release_all()

    def invalidate(self):
        """Makes every entry of now dead, in O(1), and returns the number of the new generation."""
        self.generation += 1
        self._floor_version = self._last_version + 1
        self._stale = self._table.count
        return self.generation

    def reclaim(self, limit):
        """Drops up to `limit` dead entries and returns how many; for the idle hours of a cache.

        Fewer than `limit` means that no list begins with a dead entry any more.
        """
        cdef int64_t most = limit
        cdef int64_t now = self._now()
        cdef int64_t dropped = 0
        cdef uint32_t n
        while dropped < most:
            n = self._first_dead(now)
            if n == NONE:
                break
            self._drop(n, now)
            dropped += 1
        return dropped

    def stats(self):
        """The counts so far."""
        return CacheStats(
            self._hits,
            self._misses,
            self._inserts,
            self._updates,
            self._deletes,
            self._evictions,
            self._expirations,
            self._invalidations,
            self._refusals,
        )

    cdef object get_c(self, object key, object default):
        cdef uint32_t tag = tag_of(hash_of(key))
        cdef int64_t now = 0
        if self._timed:
            expect(&self._table, tag)  # arrives while the clock is read
            now = self._now()
        cdef uint32_t n = find(&self._table, key, tag)
        if n != NONE:
            if self._is_live(n, now):
                self._hits += 1
                value = <object>self._table.nodes[n].value
                warm(&self._table, n)
                return value
            self._drop(n, now)
        self._misses += 1
        return default

    cdef int64_t set_c(
        self, object key, object value, int64_t size_bytes, int64_t ttl_ns
    ) except -2:
        return self._put(ALWAYS, key, value, size_bytes, ttl_ns, 0)

    cdef bint delete_c(self, object key) except -1:
        cdef uint32_t n = self._find_live(key, tag_of(hash_of(key)), self._now())
        if n == NONE:
            return False
        self._delete(n)
        return True

    cdef int _limit(self, object max_entries, object max_bytes) except -1:
        self.max_entries = max_entries
        self._max_bytes = MAX_BYTES if max_bytes is None else max_bytes
        if not 1 <= self.max_entries <= MAX_ENTRIES:
            raise ValueError(f"max_entries is from 1 to {MAX_ENTRIES}")
        if max_bytes is not None and not 1 <= self._max_bytes < MAX_BYTES:
            raise ValueError(f"max_bytes is at least 1 and below {MAX_BYTES}")
        return 0

    cdef uint32_t _peek(self, object key) except? 0xFFFFFFFF:
        cdef uint32_t tag = tag_of(hash_of(key))
        cdef int64_t now = self._now()
        cdef uint32_t n = find(&self._table, key, tag)
        return n if n != NONE and self._is_live(n, now) else NONE

    cdef int64_t _size(self, object key, object value, object size_bytes) except -1:
        cdef int64_t size
        if size_bytes is not None:
            size = size_bytes
        elif self._size_of is not None:
            size = self._size_of(key, value)
        elif self._max_bytes == MAX_BYTES:
            return 0
        else:
            raise TypeError("with max_bytes, an entry needs size_bytes or the cache size_of")
        if size < 0:
            raise ValueError("size_bytes is at least 0")
        return size


@cython.final
cdef class LruCache(Cache):
    """At most `max_entries` entries of together at most `max_bytes`; the least recently used go.

    `size_of(key, value)` gives the size of an entry written without `size_bytes`. Every write
    returns the version it stored, which is above 0, or says why nothing changed: CONFLICT (0) if
    the key was not as the method wants it, TOO_LARGE (-1) if the entry alone is over `max_bytes`.
    Raises ValueError for limits and sizes out of range.
    """

    def __cinit__(self, max_entries, max_bytes=None, size_of=None, on_evict=None):
        self._limit(max_entries, max_bytes)
        self._size_of = size_of
        self._on_evict = on_evict

    @cython.binding(False)
    def set(self, key, value, size_bytes=None):
        """Stores the entry."""
        return self._put(ALWAYS, key, value, self._size(key, value, size_bytes), 0, 0)

    def add(self, key, value, size_bytes=None):
        """Stores the entry if the key is absent."""
        return self._put(IF_ABSENT, key, value, self._size(key, value, size_bytes), 0, 0)

    def replace(self, key, value, size_bytes=None):
        """Stores the entry if the key is present."""
        return self._put(IF_PRESENT, key, value, self._size(key, value, size_bytes), 0, 0)

    def compare_and_set(self, key, value, version, size_bytes=None):
        """Stores the entry if the key is present in this version."""
        return self._put(
            IF_VERSION, key, value, self._size(key, value, size_bytes), 0, version
        )


@cython.final
cdef class TtlCache(Cache):
    """An LruCache whose entries also expire, `ttl_ns` after they were written or touched.

    A write may give its entry another `ttl_ns`; NEVER_NS keeps an entry until it is evicted.
    `clock()` returns nanoseconds as an int and does not go back; by default it is the system's
    CLOCK_MONOTONIC, read without a Python call.
    """

    def __cinit__(
        self, max_entries, ttl_ns, max_bytes=None, size_of=None, on_evict=None, clock=None
    ):
        if ttl_ns is None:
            raise TypeError("ttl_ns is an int")
        self._limit(max_entries, max_bytes)
        self._timed = True
        self._ttl_ns = _ttl(ttl_ns)
        self._size_of = size_of
        self._on_evict = on_evict
        self._clock = clock

    @property
    def ttl_ns(self):
        """The time to live of an entry written without one."""
        return self._ttl_ns

    @cython.binding(False)
    def set(self, key, value, size_bytes=None, ttl_ns=None):
        """Stores the entry."""
        return self._put(
            ALWAYS, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), 0
        )

    def add(self, key, value, size_bytes=None, ttl_ns=None):
        """Stores the entry if the key is absent."""
        return self._put(
            IF_ABSENT, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), 0
        )

    def replace(self, key, value, size_bytes=None, ttl_ns=None):
        """Stores the entry if the key is present."""
        return self._put(
            IF_PRESENT, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), 0
        )

    def compare_and_set(self, key, value, version, size_bytes=None, ttl_ns=None):
        """Stores the entry if the key is present in this version."""
        return self._put(
            IF_VERSION, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), version
        )

    def touch(self, key, ttl_ns=None):
        """Starts the time to live anew and makes `key` the most recently used; if it is there.

        The version stays, and no hit or miss is counted.
        """
        cdef int64_t ttl = _ttl(ttl_ns)
        cdef uint32_t tag = tag_of(hash_of(key))
        cdef int64_t now = self._now()
        cdef uint32_t n = self._find_live(key, tag, now)
        if n == NONE:
            return False
        expire_at(&self._table, n, now, ttl if ttl else self._ttl_ns)
        warm(&self._table, n)
        return True
