"""The flat table in which rate limit state lies: a header and buckets of eight cells, no pointers.

The block's layout (all in the machine's byte order):

    Header   128 bytes   magic, version, geometry, hash key, last time seen, evictions
    Bucket   512 bytes   one line of eight low halves of fingerprints, then eight cells of 56 bytes

A cell is found by the 128-bit fingerprint of key and rule; the high half chooses the bucket. A zero
cell is a recovered one, and recovered cells are as good as empty, so nothing is ever swept. Methods
are not safe against each other: the caller holds the GIL, or where processes share the table the
lock of the bucket (limits/sharing.pyx). What a shared table's cell was is noted before it changes.
"""

import os

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport int64_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from blrcs_native.limits.algorithm cimport MAX_CLOCK_NS, uint128_t
from blrcs_native.siphash cimport Hash128, siphash128_of

cdef extern from *:
    """
    #define blrcs_add_one(word) __atomic_fetch_add((word), 1, __ATOMIC_RELAXED)
    """
    # Of all the header's words this one alone changes under many locks.
    void add_one "blrcs_add_one"(uint64_t* word) noexcept nogil

cdef uint64_t MAGIC = 0x3154494D494C4C42ULL  # "BLLIMIT1" as little-endian bytes
cdef enum:
    VERSION = 1
    LINE_BYTES = 64
    CELL_BYTES = 64

cdef int64_t MAX_CAPACITY_CELLS = 1 << 36


cdef int allocate(LimitTable table, capacity_cells) except -1:
    cdef int64_t capacity
    if not 1 <= capacity_cells <= MAX_CAPACITY_CELLS:
        raise ValueError(f"capacity_cells must be between 1 and {MAX_CAPACITY_CELLS}")
    capacity = capacity_cells
    table.bucket_count = <uint64_t>(capacity + WAYS - 1) // WAYS
    table.owned = PyMem_RawCalloc(table.size_bytes + LINE_BYTES, 1)
    if table.owned is NULL:
        raise MemoryError
    # A bucket then fills whole cache lines.
    place(table, (<uintptr_t>table.owned + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES)
    return 0


cdef int attach(LimitTable table, buffer) except -1:
    cdef Header* header
    PyObject_GetBuffer(buffer, &table.view, PyBUF_WRITABLE)
    if <uintptr_t>table.view.buf % sizeof(uint64_t):
        raise ValueError("the buffer is not aligned to 8 bytes")
    if table.view.len < <Py_ssize_t>(sizeof(Header) + sizeof(Bucket)):
        raise ValueError(f"the buffer is smaller than {sizeof(Header) + sizeof(Bucket)} bytes")
    table.bucket_count = (<uint64_t>table.view.len - sizeof(Header)) // sizeof(Bucket)
    header = <Header*>table.view.buf
    if header.magic:
        if (
            header.magic != MAGIC or header.version != VERSION
            or header.cell_bytes != CELL_BYTES or header.ways != WAYS
        ):
            raise ValueError("the buffer holds something else than a table of this version")
        if not 1 <= header.bucket_count <= table.bucket_count:
            raise ValueError("the buffer is smaller than the table it holds")
        # Kept here, because what others may write to must not say where to read.
        table.bucket_count = header.bucket_count
    place(table, <uintptr_t>header)
    return 0


cdef void place(LimitTable table, uintptr_t address) noexcept:
    table.header = <Header*>address
    table.buckets = <Bucket*>(address + sizeof(Header))


cdef void set_up(LimitTable table, bytes hash_key) noexcept:
    if table.owned is NULL:
        memset(table.header, 0, table.size_bytes)
    table.header.version = VERSION
    table.header.cell_bytes = CELL_BYTES
    table.header.ways = WAYS
    table.header.bucket_count = table.bucket_count
    memcpy(&table.header.key_low, <const unsigned char*>hash_key, 16)
    table.header.magic = MAGIC


cdef inline uint64_t bucket_number_of(LimitTable table, Hash128 print) noexcept nogil:
    cdef uint128_t scaled = <uint128_t>print.high * <uint128_t>table.bucket_count
    return <uint64_t>(scaled >> 64)


cdef inline Bucket* bucket_of(LimitTable table, Hash128 print) noexcept nogil:
    return table.buckets + bucket_number_of(table, print)


# Cleared as part of a cycle, it would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class LimitTable:
    """See limiter.pyi for the parameters' contract."""

    def __cinit__(self, capacity_cells=None, *, buffer=None, bytes hash_key=None):
        if (capacity_cells is None) == (buffer is None):
            raise ValueError("give either capacity_cells or buffer")
        if hash_key is not None and len(hash_key) != 16:
            raise ValueError("hash_key must have 16 bytes")
        if buffer is None:
            allocate(self, capacity_cells)
        else:
            attach(self, buffer)
        if self.header.magic == 0:
            set_up(self, os.urandom(16) if hash_key is None else hash_key)
        elif hash_key is not None and hash_key != (<unsigned char*>&self.header.key_low)[:16]:
            raise ValueError("the buffer's table has another hash key")

    def __dealloc__(self):
        PyMem_RawFree(self.owned)
        PyBuffer_Release(&self.view)

    @property
    def capacity_cells(self):
        return self.bucket_count * WAYS

    @property
    def size_bytes(self):
        return sizeof(Header) + self.bucket_count * sizeof(Bucket)

    @property
    def forced_evictions(self):
        return self.header.forced_evictions

    cdef void note(self, const Cell* cell) noexcept nogil:
        """Keeps what a cell of a shared table is, before it is changed; its lock is held."""
        cdef uint64_t bucket = <uint64_t>(<char*>cell - <char*>self.buckets) // sizeof(Bucket)
        cdef uint64_t way = <uint64_t>(cell - self.buckets[bucket].cells)
        cdef uint64_t count = self.journal.count
        cdef Undo* undo = &self.journal.entries[count]
        undo.kind = OF_CELL
        undo.number = bucket * WAYS + way
        undo.print_low = self.buckets[bucket].prints_low[way]
        undo.cell = cell[0]
        publish(&self.journal.count, count + 1)

    cdef void put_back(self, const Undo* undo) noexcept nogil:
        """Makes a cell what it was when it was noted."""
        cdef Bucket* bucket
        # What others wrote into the block must not lead out of it.
        if undo.number < self.bucket_count * WAYS:
            bucket = self.buckets + undo.number // WAYS
            bucket.prints_low[undo.number % WAYS] = undo.print_low
            bucket.cells[undo.number % WAYS] = undo.cell

    cdef uint64_t bucket_number(self, Hash128 print) noexcept nogil:
        return bucket_number_of(self, print)

    cdef int64_t advance(self, int64_t now_ns) noexcept nogil:
        """The latest time seen, this one included, within 0 to MAX_CLOCK_NS."""
        now_ns = min(now_ns, MAX_CLOCK_NS)
        if now_ns > self.header.last_seen_ns:
            self.header.last_seen_ns = now_ns
        return self.header.last_seen_ns

    cdef Hash128 hash(self, const unsigned char* key, Py_ssize_t size) noexcept nogil:
        return siphash128_of(key, size, self.header.key_low, self.header.key_high)

    cdef Cell* find(self, Hash128 print) noexcept nogil:
        """The cell of a fingerprint, or NULL."""
        cdef Bucket* bucket = bucket_of(self, print)
        cdef int way
        for way in range(WAYS):
            if bucket.prints_low[way] == print.low and bucket.cells[way].print_high == print.high:
                return &bucket.cells[way]
        return NULL

    cdef Cell* claim(self, Hash128 print, int64_t now_ns) noexcept nogil:
        """A zeroed cell for a fingerprint that has none.

        The victim is a recovered cell, else the one that recovers soonest, among equals the least
        loaded, so that a flood of light keys does not free a heavily limited one.
        """
        cdef Bucket* bucket = bucket_of(self, print)
        cdef Cell* cell = &bucket.cells[0]
        cdef Cell* other
        cdef int way, chosen = 0
        for way in range(WAYS):
            other = &bucket.cells[way]
            if other.recovers_at_ns < cell.recovers_at_ns or (
                other.recovers_at_ns == cell.recovers_at_ns and other.load < cell.load
            ):
                cell = other
                chosen = way
        if self.journal is not NULL:
            self.note(cell)
        if cell.recovers_at_ns > now_ns:
            add_one(&self.header.forced_evictions)
        memset(cell, 0, sizeof(Cell))
        bucket.prints_low[chosen] = print.low
        cell.print_high = print.high
        return cell

    cdef void forget(self, Hash128 print) noexcept nogil:
        """Empties the cell of a fingerprint, if there is one."""
        cdef Cell* cell = self.find(print)
        if cell is not NULL:
            if self.journal is not NULL:
                self.note(cell)
            memset(cell, 0, sizeof(Cell))

    cdef uint64_t live_cells_at(self, int64_t now_ns) noexcept nogil:
        """Those that have not recovered by a time; reads the whole table."""
        cdef uint64_t number, count = 0
        cdef int way
        for number in range(self.bucket_count):
            for way in range(WAYS):
                if self.buckets[number].cells[way].recovers_at_ns > now_ns:
                    count += 1
        return count
