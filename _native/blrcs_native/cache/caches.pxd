"""C faces of the caches, for native modules that look up and store on the road of a call.

All methods need the GIL. `get_c` and `set_c` are `get` and `set` without argument parsing; a
`ttl_ns` of 0 is the cache's own, and an LruCache ignores it.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from blrcs_native.cache.store cimport CacheStore


@cython.final
cdef class Entry:
    cdef readonly object value
    cdef readonly uint64_t version
    cdef readonly int64_t size_bytes
    cdef int64_t _deadline_ns


cdef class Cache(CacheStore):
    cdef object _size_of

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
    cdef uint32_t _peek(self, object key) except? 0xFFFFFFFF
    @cython.final
    cdef int64_t _size(self, object key, object value, object size_bytes) except -1


@cython.final
cdef class LruCache(Cache):
    pass


@cython.final
cdef class TtlCache(Cache):
    pass
