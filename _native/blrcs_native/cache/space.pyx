"""A cache namespace in memory: what a look-up and a write need of it, in C."""

import time

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from blrcs_native.cache.caches cimport TtlCache
from blrcs_native.cache.store cimport IF_VERSION, Condition
from blrcs_native.cache.table cimport NONE, warm
from blrcs_native.clock cimport monotonic_ns


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class StoredEntry:
    def __init__(self, str key not None, bytes value not None, str content_type not None, deadline):
        self.value = value
        self.content_type = content_type
        self.size_bytes = len(key.encode()) + len(value) + len(content_type.encode())
        self.deadline_ns = deadline

    @property
    def deadline_ns(self):
        return None if self.deadline == INT64_MAX else self.deadline

    @deadline_ns.setter
    def deadline_ns(self, value):
        self.deadline = INT64_MAX if value is None else value


cdef class EntryClock:
    def __init__(self, clock=time.time_ns, monotonic=time.monotonic_ns):
        # The system's own clocks are read without a Python call.
        self._clock = None if clock is time.time_ns else clock
        self._monotonic = None if monotonic is time.monotonic_ns else monotonic

    def expire_time_ns(self, StoredEntry entry not None):
        cdef int64_t expires_at_ns = self.expires_at_ns(entry, INT64_MAX)
        return None if expires_at_ns == INT64_MAX else expires_at_ns

    cdef int64_t _now(self) except? -1:
        return monotonic_ns() if self._monotonic is None else self._monotonic()

    cdef int64_t expires_at_ns(self, StoredEntry entry, int64_t never) except? -1:
        cdef timespec now
        cdef int64_t wall_ns
        if entry.deadline == INT64_MAX:
            return never
        if self._clock is None:
            clock_gettime(CLOCK_REALTIME, &now)
            wall_ns = <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
        else:
            wall_ns = self._clock()
        return wall_ns + entry.deadline - self._now()


cdef class CacheSpace(EntryClock):
    def __init__(
        self,
        TtlCache entries not None,
        *,
        int64_t default_ttl_ns,
        int64_t max_bytes,
        int64_t first_version,
        clock=time.time_ns,
        monotonic=time.monotonic_ns,
    ):
        EntryClock.__init__(self, clock, monotonic)
        self.entries = entries
        self.default_ttl_ns = default_ttl_ns
        self.max_bytes = max_bytes
        self.first_version = first_version

    def use(self, list keys not None):
        cdef str key
        cdef uint32_t n
        for key in keys:
            n = self.entries._peek(key)
            if n != NONE:
                warm(&self.entries._table, n)

    cdef StoredEntry find(self, str key):
        return <StoredEntry>self.entries.get_c(key, None)

    cdef int64_t put(
        self,
        str key,
        StoredEntry entry,
        int64_t ttl_ns,
        Condition condition,
        uint64_t version,
    ) except -2:
        cdef int64_t outcome
        cdef uint64_t expected = 0
        if not ttl_ns:
            ttl_ns = self.default_ttl_ns
        entry.deadline = INT64_MAX
        if ttl_ns:
            entry.deadline = self._now() + ttl_ns
        else:
            ttl_ns = INT64_MAX
        # The cache's own versions begin with 1: no entry has the version 0.
        if condition == IF_VERSION and version > <uint64_t>self.first_version:
            expected = version - <uint64_t>self.first_version
        outcome = self.entries._put(condition, key, entry, entry.size_bytes, ttl_ns, expected)
        if outcome > 0:
            entry.version = <uint64_t>(self.first_version + outcome)
            return <int64_t>entry.version
        return outcome
