"""What a cache does behind its methods; the GIL is needed throughout."""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from blrcs_native.cache.table cimport CacheTable
from blrcs_native.clock cimport monotonic_ns

cdef enum:
    CONFLICT_C = 0
    TOO_LARGE_C = -1


cdef enum Condition:
    ALWAYS
    IF_ABSENT
    IF_PRESENT
    IF_VERSION


cdef class CacheStore:
    cdef CacheTable _table
    cdef uint64_t _floor_version
    cdef bint _timed
    cdef uint64_t _hits
    cdef uint64_t _misses

    cdef uint32_t _stale
    cdef uint32_t _gc_linked
    cdef uint64_t _last_version
    cdef int64_t _ttl_ns
    cdef object _clock
    cdef object _on_evict
    cdef readonly int64_t max_entries
    cdef int64_t _max_bytes
    cdef readonly int64_t used_bytes
    cdef readonly uint64_t generation
    cdef uint64_t _inserts
    cdef uint64_t _updates
    cdef uint64_t _deletes
    cdef uint64_t _evictions
    cdef uint64_t _expirations
    cdef uint64_t _invalidations
    cdef uint64_t _refusals

    cdef inline int64_t _now(self) except? -1:
        if not self._timed:
            return 0
        return monotonic_ns() if self._clock is None else self._clock()

    cdef inline bint _is_live(self, uint32_t n, int64_t now) noexcept:
        return (
            self._table.nodes[n].version >= self._floor_version
            and now < self._table.nodes[n].deadline_ns
        )

    @cython.final
    cdef uint32_t _find_live(self, object key, uint32_t tag, int64_t now) except? 0xFFFFFFFF
    @cython.final
    cdef int64_t _put(
        self,
        Condition condition,
        object key,
        object value,
        int64_t size_bytes,
        int64_t ttl_ns,
        uint64_t version,
    ) except -2
    @cython.final
    cdef void _delete(self, uint32_t n) noexcept
    @cython.final
    cdef void _settle(self, int64_t now) noexcept
    @cython.final
    cdef uint32_t _first_dead(self, int64_t now) noexcept
    @cython.final
    cdef void _drop(self, uint32_t n, int64_t now) noexcept
    @cython.final
    cdef void _detach(self, uint32_t n) noexcept
    @cython.final
    cdef void _release_all(self) noexcept
