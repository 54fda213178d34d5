"""The C face of a cache namespace in memory."""

from libc.stdint cimport int64_t, uint64_t

from blrcs_native.cache.caches cimport TtlCache
from blrcs_native.cache.store cimport Condition


cdef class StoredEntry:
    cdef readonly bytes value
    cdef readonly str content_type
    cdef readonly int64_t size_bytes
    cdef public uint64_t version
    cdef int64_t deadline  # INT64_MAX stands for never


cdef class EntryClock:
    cdef object _clock
    cdef object _monotonic

    cdef int64_t _now(self) except? -1
    # When an entry expires by the wall clock; ``never`` where it does not.
    cdef int64_t expires_at_ns(self, StoredEntry entry, int64_t never) except? -1


cdef class CacheSpace(EntryClock):
    cdef readonly TtlCache entries
    cdef readonly int64_t default_ttl_ns
    cdef readonly int64_t max_bytes
    cdef readonly int64_t first_version

    # None where there is none; counts as a use.
    cdef StoredEntry find(self, str key)
    # The version, or CONFLICT_C or TOO_LARGE_C; a ``ttl_ns`` of 0 is the namespace's own.
    cdef int64_t put(
        self,
        str key,
        StoredEntry entry,
        int64_t ttl_ns,
        Condition condition,
        uint64_t version,
    ) except -2
