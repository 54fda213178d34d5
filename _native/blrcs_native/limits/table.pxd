"""The flat table in which rate limit state lies, for native callers."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from blrcs_native.limits.algorithm cimport LimitState
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

# What a cell was before the operation that is under way, or that a place was free or used.
cdef struct Undo:
    uint64_t number
    uint64_t kind
    uint64_t print_low
    uint64_t used
    Cell cell

cdef enum UndoKind:
    OF_CELL = 1
    OF_PLACE = 2

cdef enum:
    MAX_UNDO = 2 * 32  # a cell and a place for each element of the largest stack

cdef struct Journal:
    uint64_t count
    uint64_t[7] spare
    Undo[MAX_UNDO] entries

cdef extern from *:
    """
    #include <stdint.h>
    /* A process that is killed has done all that stands before the point, and nothing behind it:
       the compiler alone could change that order. */
    static inline void blrcs_publish(uint64_t *word, uint64_t value) {
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        __atomic_store_n(word, value, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    """
    void publish "blrcs_publish"(uint64_t* word, uint64_t value) noexcept nogil

cdef class LimitTable:
    cdef Header* header
    cdef Bucket* buckets
    cdef readonly uint64_t bucket_count
    cdef void* owned
    cdef Py_buffer view
    # Where changes are noted before they are made; NULL where nobody shares the table.
    cdef Journal* journal

    cdef void note(self, const Cell* cell) noexcept nogil
    cdef uint64_t live_cells_at(self, int64_t now_ns) noexcept nogil
    cdef void put_back(self, const Undo* undo) noexcept nogil
    cdef uint64_t bucket_number(self, Hash128 print) noexcept nogil
    cdef int64_t advance(self, int64_t now_ns) noexcept nogil
    cdef Hash128 hash(self, const unsigned char* key, Py_ssize_t size) noexcept nogil
    cdef Cell* find(self, Hash128 print) noexcept nogil
    cdef Cell* claim(self, Hash128 print, int64_t now_ns) noexcept nogil
    cdef void forget(self, Hash128 print) noexcept nogil
