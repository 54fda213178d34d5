"""The C face of the copies of cache entries that a worker has."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from blrcs_native.cache.caches cimport LruCache
from blrcs_native.cache.hits cimport CacheHits
from blrcs_native.cache.space cimport EntryClock, StoredEntry
from blrcs_native.cache.stamps cimport CacheStamps, NamespaceStamps


@cython.final
cdef class NearCopy:
    cdef StoredEntry entry
    cdef str key
    cdef const uint64_t* word  # belongs to the stamps of its space
    cdef uint64_t stamp
    cdef uint64_t noted_in
    cdef object shown  # what was made of the entry; None until it is asked for
    cdef int64_t shown_expires_at_ns


cdef class NearCopies(EntryClock)


@cython.final
cdef class NearSpace:
    cdef LruCache copies
    cdef NamespaceStamps stamps
    cdef NearCopies owner
    cdef CacheHits hits
    cdef Py_ssize_t column
    cdef list used
    cdef uint64_t round

    # A copy that is good now; None where there is none. Counts nothing.
    cdef NearCopy find(self, str key)
    # An answer is made of the copy.
    cdef int count(self, NearCopy copy) except -1


@cython.final
cdef class NearCopies(EntryClock):
    cdef readonly dict spaces
    cdef public int64_t good_until_ns
    cdef CacheStamps stamps
    cdef CacheHits hits
    cdef object bounds
    cdef Py_ssize_t max_namespaces
    cdef object make

    cdef object shown(self, str key, StoredEntry entry, int64_t expires_at_ns)
    cdef NearSpace space_of(self, str namespace)
