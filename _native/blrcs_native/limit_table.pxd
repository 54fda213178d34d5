"""The flat table in which rate limit state lies, for native callers."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from blrcs_native.limit_algorithm cimport LimitState
from blrcs_native.siphash cimport Hash128

cdef enum:
    WAYS = 8

cdef struct Header:
    uint64_t magic
    uint32_t version
    uint32_t cell_bytes
    uint32_t ways
    uint32_t reserved
    uint64_t bucket_count
    uint64_t key_low
    uint64_t key_high
    int64_t last_seen_ns
    uint64_t forced_evictions
    uint64_t[8] spare

cdef struct Cell:
    uint64_t print_high
    # From this time on the cell says no more than a fresh one would.
    int64_t recovers_at_ns
    # The share of the rule's burst that is taken: decides between equals when a victim is sought.
    double load
    LimitState state

cdef struct Bucket:
    uint64_t[WAYS] prints_low
    Cell[WAYS] cells

cdef class LimitTable:
    cdef Header* header
    cdef Bucket* buckets
    cdef readonly uint64_t bucket_count
    cdef void* owned
    cdef Py_buffer view

    cdef int64_t advance(self, int64_t now_ns) noexcept nogil
    cdef Hash128 hash(self, const unsigned char* key, Py_ssize_t size) noexcept nogil
    cdef Cell* find(self, Hash128 print) noexcept nogil
    cdef Cell* claim(self, Hash128 print, int64_t now_ns) noexcept nogil
    cdef void forget(self, Hash128 print) noexcept nogil
    cdef uint64_t live_cells(self) noexcept nogil
