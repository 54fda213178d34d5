"""C faces of the caches, for native modules that look up and store on the road of a call.

All methods need the GIL. `get_c` and `set_c` are `get` and `set` without argument parsing; a
`ttl_ns` of 0 is the cache's own, and an LruCache ignores it.
"""

cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    CONFLICT_C = 0
    TOO_LARGE_C = -1


cdef enum Condition:
    ALWAYS
    IF_ABSENT
    IF_PRESENT
    IF_VERSION


# One cache line. Links are indices; those of `older` and `newer` order entries by deadline.
cdef struct Node:
    PyObject* key
    PyObject* value
    uint64_t version
    int64_t deadline_ns
    int64_t size_bytes
    uint32_t tag
    uint32_t gc_linked
    uint32_t colder
    uint32_t warmer
    uint32_t older
    uint32_t newer


@cython.final
cdef class Entry:
    cdef readonly object value
    cdef readonly uint64_t version
    cdef readonly int64_t size_bytes
    cdef int64_t _deadline_ns


cdef class Cache:
    cdef uint64_t* _table
    cdef Node* _nodes
    cdef uint32_t _shift
    cdef uint32_t _mask
    cdef uint64_t _floor_version
    cdef bint _timed
    cdef uint64_t _hits
    cdef uint64_t _misses

    cdef uint32_t _count
    cdef uint32_t _capacity
    cdef uint32_t _fresh
    cdef uint32_t _free
    cdef uint32_t _stale
    cdef uint32_t _gc_linked
    cdef uint64_t _epoch
    cdef uint64_t _ttl_classes
    cdef uint64_t _last_version
    cdef int64_t _ttl_ns
    cdef object _clock
    cdef object _on_evict
    cdef object _size_of
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

    @cython.final
    cdef object get_c(self, object key, object default)
    @cython.final
    cdef int64_t set_c(
        self, object key, object value, int64_t size_bytes, int64_t ttl_ns
    ) except -2
    @cython.final
    cdef bint delete_c(self, object key) except -1

    @cython.final
    cdef int _limit(self, object max_entries, object max_bytes) except -1
    @cython.final
    cdef int64_t _now(self) except? -1
    @cython.final
    cdef bint _is_live(self, uint32_t n, int64_t now) noexcept
    @cython.final
    cdef uint32_t _find(self, object key, uint32_t tag) except? 0xFFFFFFFF
    @cython.final
    cdef uint32_t _find_live(self, object key, uint32_t tag, int64_t now) except? 0xFFFFFFFF
    @cython.final
    cdef uint32_t _peek(self, object key) except? 0xFFFFFFFF
    @cython.final
    cdef int64_t _size(self, object key, object value, object size_bytes) except -1
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
    cdef uint32_t _insert(self, object key, uint32_t tag) except? 0xFFFFFFFF
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
    cdef void _warm(self, uint32_t n) noexcept
    @cython.final
    cdef void _expire_at(self, uint32_t n, int64_t now, int64_t ttl_ns) noexcept
    @cython.final
    cdef int _grow_nodes(self) except -1
    @cython.final
    cdef int _grow_table(self) except -1
    @cython.final
    cdef void _release_all(self) noexcept


@cython.final
cdef class LruCache(Cache):
    pass


@cython.final
cdef class TtlCache(Cache):
    pass
