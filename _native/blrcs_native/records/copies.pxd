"""The C face of the copies of records that a process has read."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from blrcs_native.cache.caches cimport LruCache
from blrcs_native.cache.stamps cimport CacheStamps, NamespaceStamps


@cython.final
cdef class RecordCopy:
    cdef readonly bytes encoded
    cdef readonly dict sealed  # None where ``encoded`` is the whole record as it is shown
    cdef int64_t expire_time_ns  # INT64_MAX stands for never
    cdef NamespaceStamps stamps
    cdef const uint64_t* word  # belongs to the stamps
    cdef uint64_t stamp


@cython.final
cdef class RecordCopies:
    cdef public int64_t good_until_ns
    cdef LruCache copies
    cdef CacheStamps stamps
    cdef object _clock
    cdef object _monotonic

    # A copy that is good now; None where there is none.
    cdef RecordCopy find_c(self, str name)
    cdef int64_t _wall_ns(self) except? -1
    cdef int64_t _now_ns(self) except? -1
