"""Bounded caches in memory: least recently used, with and without a time to live.

A table of eight-byte slots leads to entries of one cache line each, so a hit among a million
entries waits for memory three times: for the slot, for the entry, and for its key and value at
once. Links between entries are indices, on a hit only written and never followed.

Deadlines stand in 63 first-in first-out lists, one for each power of two of the time to live (the
TTL buckets of Segcache, NSDI 2021). Where a heap costs a memory access for each of its levels and
a timer wheel moves entries in bursts, here nothing ever moves: the head of a list is the first
that may be dead. An entry waits behind others for at most as long again as its own time to live.

Every write reclaims up to two dead entries, expired or of an older generation, and none that is
alive is evicted while the head of a list is dead. So dead entries go faster than new ones come,
and no single call pays for all of them.

Concurrency: every method is one step for other threads, and for the code that it calls itself.
`__hash__`, `__eq__`, `size_of`, `clock`, `on_evict` and finalizers may use the same cache, which
they find whole, and may raise: from `on_evict` and finalizers the exception goes to
`sys.unraisablehook` and the call that led there succeeds; any other leaves the cache as it was and
reaches the caller.
"""

from collections import namedtuple
from types import GenericAlias

cimport cython
from cpython.object cimport Py_EQ, PyObject_RichCompareBool
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

from blrcs_native.clock cimport monotonic_ns

CONFLICT = CONFLICT_C
TOO_LARGE = TOO_LARGE_C
NEVER_NS = INT64_MAX

cdef extern from "Python.h":
    ctypedef struct PyASCIIObject:
        Py_hash_t hash
    Py_hash_t PyObject_Hash(object) except -1
    bint PyObject_IS_GC(PyObject*) nogil
    bint PyUnicode_CheckExact(PyObject*) nogil
    int PyUnicode_KIND(PyObject*) nogil
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject*) nogil
    const void* PyUnicode_DATA(PyObject*) nogil
    PyObject* PyObject_CallFunctionObjArgs(PyObject*, ...)
    void PyErr_WriteUnraisable(PyObject*)
    ctypedef int (*visit_t "visitproc")(PyObject*, void*) noexcept
    ctypedef int (*traverse_t "traverseproc")(PyObject*, visit_t, void*) noexcept
    ctypedef int (*clear_t "inquiry")(PyObject*) noexcept
    ctypedef struct TypeSlots "PyTypeObject":
        traverse_t tp_traverse
        clear_t tp_clear

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void* address, size_t length, int advice)
    enum:
        MADV_HUGEPAGE

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void*) nogil
    int trailing_zeros "__builtin_ctzll"(unsigned long long) nogil
    int leading_zeros "__builtin_clzll"(unsigned long long) nogil

cdef enum:
    SENTINELS = 64  # node 0 heads the order of use, nodes 1 to 63 the lists of deadlines
    NONE = 0
    LINE_BYTES = 64
    DEAD_PER_WRITE = 2

cdef size_t HUGE_PAGE_BYTES = 1 << 21
cdef int64_t MAX_ENTRIES = 1 << 30
cdef int64_t MAX_BYTES = 1 << 52  # leaves room for sums that callbacks raise over the limit
cdef uint64_t NO_TABLE = 0  # the one free slot of a cache that holds no memory

cdef str CAPACITY = "capacity"
cdef str EXPIRED = "expired"
cdef str INVALIDATED = "invalidated"

CacheStats = namedtuple(
    "CacheStats",
    "hits misses inserts updates deletes evictions expirations invalidations refusals",
)
CacheStats.__doc__ = """What a cache has counted since it was made.

`evictions` made room; `refusals` were larger than the byte limit. `clear()` counts nothing.
"""


@cython.final
@cython.freelist(64)
cdef class Entry:
    """An entry as it was when `get_entry()` found it; later writes do not show in it."""

    def __init__(self):
        raise TypeError("entries are made by get_entry()")

    @property
    def deadline_ns(self):
        """When it expires, by the clock of its cache; None if it never does."""
        return None if self._deadline_ns == INT64_MAX else self._deadline_ns


cdef inline Py_hash_t _hash(object key) except -1:
    cdef Py_hash_t known
    if PyUnicode_CheckExact(<PyObject*>key):
        known = (<PyASCIIObject*>key).hash
        if known != -1:
            return known
    return PyObject_Hash(key)


cdef inline uint32_t _tag(Py_hash_t hash_value) noexcept nogil:
    # Integers hash to themselves: a row of them must not become a row of taken slots.
    cdef uint64_t mixed = <uint64_t>hash_value
    mixed ^= mixed >> 32
    return <uint32_t>((mixed * 0x9E3779B97F4A7C15ULL) >> 32)


cdef inline int _same_text(PyObject* a, PyObject* b) noexcept nogil:
    # 1 equal, 0 different, -1 where only __eq__ can say. Hashed str are in canonical form.
    if not (PyUnicode_CheckExact(a) and PyUnicode_CheckExact(b)):
        return -1
    cdef Py_ssize_t length = PyUnicode_GET_LENGTH(a)
    cdef int kind = PyUnicode_KIND(a)
    if length != PyUnicode_GET_LENGTH(b) or kind != PyUnicode_KIND(b):
        return 0
    return memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), length * kind) == 0


cdef void* _lines(size_t size_bytes) except NULL:
    # Huge pages keep the look-up of addresses out of the caches that the entries need.
    cdef bint is_huge = size_bytes >= HUGE_PAGE_BYTES
    cdef size_t alignment = HUGE_PAGE_BYTES if is_huge else LINE_BYTES
    cdef void* memory = aligned_alloc(alignment, (size_bytes + alignment - 1) & -alignment)
    if memory == NULL:
        raise MemoryError
    if is_huge:
        madvise(memory, size_bytes, MADV_HUGEPAGE)
    return memory


cdef int64_t _ttl(object ttl_ns) except -1:
    if ttl_ns is None:
        return 0
    cdef int64_t value = ttl_ns
    if value <= 0:
        raise ValueError("ttl_ns is at least 1")
    return value


cdef class Cache:
    """What both caches do. `len()` and `used_bytes` count dead entries not yet reclaimed.

    A key is dead, and so absent to every method, once its entry has expired (`now >= deadline`) or
    `invalidate()` was called after it was written. Versions are those of the cache: each write
    takes the next one, so none ever comes back, not even for a key that was deleted between.

    `on_evict(key, value, reason)` is called after an entry is gone that the cache took out by
    itself: for capacity, expired or invalidated. What the caller deletes or overwrites is not
    reported.
    """

    __class_getitem__ = classmethod(GenericAlias)

    def __cinit__(self, *args, **kwargs):
        if not isinstance(self, (LruCache, TtlCache)):
            raise TypeError("a cache is an LruCache or a TtlCache")
        self._table = &NO_TABLE
        self._shift = 32

    def __dealloc__(self):
        self._release_all()

    @property
    def max_bytes(self):
        """The byte limit, or None."""
        return None if self._max_bytes == MAX_BYTES else self._max_bytes

    # Called as a plain C function, with so few instructions that the processor reaches the next
    # get() while it still waits for the memory of this one. `set` likewise.
    @cython.binding(False)
    def get(self, key, default=None):
        """The value of `key`, which becomes the most recently used; counts a hit or a miss."""
        return self.get_c(key, default)

    def get_entry(self, key):
        """Like `get()`, but the value with its version, size and deadline; None if absent."""
        cdef Entry entry = Entry.__new__(Entry)
        cdef uint32_t n = self._find_live(key, _tag(_hash(key)), self._now())
        if n == NONE:
            self._misses += 1
            return None
        cdef Node* node = &self._nodes[n]
        self._hits += 1
        self._warm(n)
        entry.value = <object>node.value
        entry.version = node.version
        entry.size_bytes = node.size_bytes
        entry._deadline_ns = node.deadline_ns
        return entry

    def peek(self, key, default=None):
        """The value of `key`, leaving order and counts as they are."""
        cdef uint32_t n = self._peek(key)
        return default if n == NONE else <object>self._nodes[n].value

    def __contains__(self, key):
        return self._peek(key) != NONE

    def __len__(self):
        return self._count

    def __sizeof__(self):
        """The bytes of the cache itself, without keys and values."""
        return (
            object.__sizeof__(self)
            + self._capacity * sizeof(Node)
            + (self._mask + 1 if self._mask else 0) * sizeof(uint64_t)
        )

    def __iter__(self):
        """Over a snapshot of the live keys, the least recently used first. Takes O(n)."""
        cdef list keys = []
        cdef int64_t now = self._now()
        cdef uint32_t n = self._nodes[0].warmer if self._count else NONE
        while n != NONE:
            if self._is_live(n, now):
                keys.append(<object>self._nodes[n].key)
            n = self._nodes[n].warmer
        return iter(keys)

    def pop(self, key, default=None):
        """Deletes `key` and returns its value; counts no hit and no miss."""
        cdef uint32_t n = self._find_live(key, _tag(_hash(key)), self._now())
        if n == NONE:
            return default
        value = <object>self._nodes[n].value
        self._delete(n)
        return value

    def delete(self, key):
        """Deletes `key`; whether it was there."""
        return self.delete_c(key)

    def clear(self):
        """Drops all entries and gives their memory back. Takes O(n); `on_evict` is not called."""
        self._release_all()

    def invalidate(self):
        """Makes every entry of now dead, in O(1), and returns the number of the new generation."""
        self.generation += 1
        self._floor_version = self._last_version + 1
        self._stale = self._count
        return self.generation

    def reclaim(self, limit):
        """Drops up to `limit` dead entries and returns how many; for the idle hours of a cache.

        Fewer than `limit` means that no list begins with a dead entry any more.
        """
        cdef int64_t most = limit
        cdef int64_t now = self._now()
        cdef int64_t dropped = 0
        cdef uint32_t n
        while dropped < most:
            n = self._first_dead(now)
            if n == NONE:
                break
            self._drop(n, now)
            dropped += 1
        return dropped

    def stats(self):
        """The counts so far."""
        return CacheStats(
            self._hits,
            self._misses,
            self._inserts,
            self._updates,
            self._deletes,
            self._evictions,
            self._expirations,
            self._invalidations,
            self._refusals,
        )

    cdef object get_c(self, object key, object default):
        cdef uint32_t tag = _tag(_hash(key))
        cdef int64_t now = 0
        if self._timed:
            prefetch(&self._table[<uint64_t>tag >> self._shift])  # arrives while the clock is read
            now = self._now()
        cdef uint32_t n = self._find(key, tag)
        if n != NONE:
            if self._is_live(n, now):
                self._hits += 1
                value = <object>self._nodes[n].value
                self._warm(n)
                return value
            self._drop(n, now)
        self._misses += 1
        return default

    cdef int64_t set_c(
        self, object key, object value, int64_t size_bytes, int64_t ttl_ns
    ) except -2:
        return self._put(ALWAYS, key, value, size_bytes, ttl_ns, 0)

    cdef bint delete_c(self, object key) except -1:
        cdef uint32_t n = self._find_live(key, _tag(_hash(key)), self._now())
        if n == NONE:
            return False
        self._delete(n)
        return True

    cdef int _limit(self, object max_entries, object max_bytes) except -1:
        self.max_entries = max_entries
        self._max_bytes = MAX_BYTES if max_bytes is None else max_bytes
        if not 1 <= self.max_entries <= MAX_ENTRIES:
            raise ValueError(f"max_entries is from 1 to {MAX_ENTRIES}")
        if max_bytes is not None and not 1 <= self._max_bytes < MAX_BYTES:
            raise ValueError(f"max_bytes is at least 1 and below {MAX_BYTES}")
        return 0

    cdef int64_t _now(self) except? -1:
        if not self._timed:
            return 0
        return monotonic_ns() if self._clock is None else self._clock()

    cdef bint _is_live(self, uint32_t n, int64_t now) noexcept:
        cdef Node* node = &self._nodes[n]
        return node.version >= self._floor_version and now < node.deadline_ns

    cdef uint32_t _find(self, object key, uint32_t tag) except? 0xFFFFFFFF:
        cdef uint64_t epoch, slot
        cdef uint32_t at = <uint32_t>(<uint64_t>tag >> self._shift)
        cdef PyObject* held
        cdef int same
        while True:
            slot = self._table[at]
            if slot == 0:
                return NONE
            if <uint32_t>(slot >> 32) == tag:
                held = self._nodes[<uint32_t>slot].key
                if held == <PyObject*>key:
                    return <uint32_t>slot
                same = _same_text(held, <PyObject*>key)
                if same == -1:
                    epoch = self._epoch
                    same = _same_by_eq(held, key)
                    if epoch != self._epoch:  # __eq__ moved entries: what was seen may be gone
                        at = <uint32_t>(<uint64_t>tag >> self._shift)
                        continue
                if same:
                    return <uint32_t>slot
            at = (at + 1) & self._mask

    cdef uint32_t _find_live(self, object key, uint32_t tag, int64_t now) except? 0xFFFFFFFF:
        # No foreign code runs between the last comparison and the return.
        cdef uint32_t n = self._find(key, tag)
        while n != NONE and not self._is_live(n, now):
            self._drop(n, now)
            n = self._find(key, tag)
        return n

    cdef uint32_t _peek(self, object key) except? 0xFFFFFFFF:
        cdef uint32_t tag = _tag(_hash(key))
        cdef int64_t now = self._now()
        cdef uint32_t n = self._find(key, tag)
        return n if n != NONE and self._is_live(n, now) else NONE

    cdef int64_t _size(self, object key, object value, object size_bytes) except -1:
        cdef int64_t size
        if size_bytes is not None:
            size = size_bytes
        elif self._size_of is not None:
            size = self._size_of(key, value)
        elif self._max_bytes == MAX_BYTES:
            return 0
        else:
            raise TypeError("with max_bytes, an entry needs size_bytes or the cache size_of")
        if size < 0:
            raise ValueError("size_bytes is at least 0")
        return size

    cdef int64_t _put(
        self,
        Condition condition,
        object key,
        object value,
        int64_t size_bytes,
        int64_t ttl_ns,
        uint64_t version,
    ) except -2:
        cdef uint32_t tag = _tag(_hash(key))
        cdef int64_t now = self._now()
        if size_bytes > self._max_bytes:
            self._refusals += 1
            return TOO_LARGE_C
        cdef uint32_t n = self._find_live(key, tag, now)
        if n == NONE:
            if condition == IF_PRESENT or condition == IF_VERSION:
                return CONFLICT_C
        elif condition == IF_ABSENT or (
            condition == IF_VERSION and self._nodes[n].version != version
        ):
            return CONFLICT_C
        cdef PyObject* old = NULL
        if n == NONE:
            n = self._insert(key, tag)
            self._inserts += 1
        else:
            old = self._nodes[n].value
            self._updates += 1
        cdef Node* node = &self._nodes[n]
        self._last_version += 1
        version = node.version = self._last_version
        self.used_bytes += size_bytes - node.size_bytes
        node.size_bytes = size_bytes
        Py_INCREF(value)
        node.value = <PyObject*>value
        self._gc_linked -= node.gc_linked
        node.gc_linked = PyObject_IS_GC(node.key) or PyObject_IS_GC(node.value)
        self._gc_linked += node.gc_linked
        self._warm(n)
        if self._timed:
            self._expire_at(n, now, ttl_ns if ttl_ns else self._ttl_ns)
        self._settle(now)
        if old != NULL:
            Py_DECREF(<object>old)
        return version

    cdef uint32_t _insert(self, object key, uint32_t tag) except? 0xFFFFFFFF:
        # Takes a node and a slot for the key; the value is the caller's to give at once.
        if self._free == NONE and self._fresh == self._capacity:
            self._grow_nodes()
        if 2 * <uint64_t>(self._count + 1) > <uint64_t>self._mask + 1:
            self._grow_table()
        cdef uint32_t n = self._free
        if n == NONE:
            n = self._fresh
            self._fresh += 1
        else:
            self._free = self._nodes[n].colder
        cdef Node* node = &self._nodes[n]
        memset(node, 0, sizeof(Node))
        Py_INCREF(key)
        node.key = <PyObject*>key
        node.tag = tag
        node.deadline_ns = INT64_MAX
        node.colder = node.warmer = node.older = node.newer = n
        _take_slot(self._table, self._mask, self._shift, tag, n)
        self._count += 1
        self._epoch += 1
        return n

    cdef void _delete(self, uint32_t n) noexcept:
        cdef PyObject* key = self._nodes[n].key
        cdef PyObject* value = self._nodes[n].value
        self._deletes += 1
        self._detach(n)
        Py_DECREF(<object>key)
        Py_DECREF(<object>value)

    cdef void _settle(self, int64_t now) noexcept:
        # Foreign code runs in each round, so each looks anew.
        cdef int dead_left = DEAD_PER_WRITE
        cdef bint is_over
        cdef uint32_t n
        while True:
            is_over = self._count > self.max_entries or self.used_bytes > self._max_bytes
            if not is_over and dead_left == 0:
                return
            n = self._first_dead(now)
            if n == NONE:
                if not is_over:
                    return
                n = self._nodes[0].warmer
            if dead_left:
                dead_left -= 1
            self._drop(n, now)

    cdef uint32_t _first_dead(self, int64_t now) noexcept:
        cdef uint64_t left = self._ttl_classes
        cdef uint32_t head, n
        if self._stale:
            return self._nodes[0].warmer  # no use has warmed an entry since it was invalidated
        while left:
            head = 1 + trailing_zeros(left)
            n = self._nodes[head].newer
            if n == head:
                self._ttl_classes ^= left & -left
            elif self._nodes[n].deadline_ns <= now:
                return n
            left &= left - 1
        return NONE

    cdef void _drop(self, uint32_t n, int64_t now) noexcept:
        cdef PyObject* key = self._nodes[n].key
        cdef PyObject* value = self._nodes[n].value
        cdef PyObject* answer
        cdef str reason
        if self._nodes[n].version < self._floor_version:
            reason = INVALIDATED
            self._invalidations += 1
        elif self._nodes[n].deadline_ns <= now:
            reason = EXPIRED
            self._expirations += 1
        else:
            reason = CAPACITY
            self._evictions += 1
        self._detach(n)
        callback = self._on_evict
        if callback is not None:
            answer = PyObject_CallFunctionObjArgs(
                <PyObject*>callback, key, value, <PyObject*>reason, NULL
            )
            if answer == NULL:
                PyErr_WriteUnraisable(<PyObject*>callback)
            else:
                Py_DECREF(<object>answer)
        Py_DECREF(<object>key)
        Py_DECREF(<object>value)

    cdef void _detach(self, uint32_t n) noexcept:
        # The references to key and value pass to the caller.
        cdef Node* nodes = self._nodes
        cdef Node* node = &nodes[n]
        nodes[node.colder].warmer = node.warmer
        nodes[node.warmer].colder = node.colder
        nodes[node.older].newer = node.newer
        nodes[node.newer].older = node.older
        _leave_slot(self._table, self._mask, self._shift, node.tag, n)
        self._count -= 1
        self._epoch += 1
        self.used_bytes -= node.size_bytes
        self._gc_linked -= node.gc_linked
        self._stale -= node.version < self._floor_version
        node.key = NULL
        node.colder = self._free
        self._free = n

    cdef void _warm(self, uint32_t n) noexcept:
        cdef Node* nodes = self._nodes
        cdef uint32_t warmest = nodes[0].colder
        cdef Node* node = &nodes[n]
        if n == warmest:
            return
        nodes[node.colder].warmer = node.warmer
        nodes[node.warmer].colder = node.colder
        node.colder = warmest
        node.warmer = NONE
        nodes[warmest].warmer = n
        nodes[0].colder = n

    cdef void _expire_at(self, uint32_t n, int64_t now, int64_t ttl_ns) noexcept:
        cdef Node* nodes = self._nodes
        cdef Node* node = &nodes[n]
        cdef uint32_t head
        nodes[node.older].newer = node.newer
        nodes[node.newer].older = node.older
        if ttl_ns == INT64_MAX or (now > 0 and ttl_ns >= INT64_MAX - now):
            node.deadline_ns = INT64_MAX
            node.older = node.newer = n
            return
        node.deadline_ns = now + ttl_ns
        head = 64 - leading_zeros(ttl_ns)
        self._ttl_classes |= <uint64_t>1 << (head - 1)
        node.newer = head
        node.older = nodes[head].older
        nodes[node.older].newer = n
        nodes[head].older = n

    cdef int _grow_nodes(self) except -1:
        cdef uint64_t capacity = max(2 * <uint64_t>self._capacity, SENTINELS + 16)
        cdef uint64_t enough = SENTINELS + <uint64_t>self.max_entries + 1
        cdef uint32_t n
        if self._capacity < enough < capacity:
            capacity = enough  # more only where callbacks insert while an eviction is under way
        cdef Node* nodes = <Node*>_lines(capacity * sizeof(Node))
        if self._capacity:
            memcpy(nodes, self._nodes, self._fresh * sizeof(Node))
            free(self._nodes)
        else:
            self._fresh = SENTINELS
            for n in range(SENTINELS):
                nodes[n].colder = nodes[n].warmer = nodes[n].older = nodes[n].newer = n
        self._nodes = nodes
        self._capacity = capacity
        return 0

    cdef int _grow_table(self) except -1:
        cdef uint32_t shift = self._shift - 1 if self._mask else 28
        cdef uint64_t slots = <uint64_t>1 << (32 - shift)
        cdef uint64_t* table = <uint64_t*>_lines(slots * sizeof(uint64_t))
        cdef uint64_t at
        memset(table, 0, slots * sizeof(uint64_t))
        for at in range(<uint64_t>self._mask + 1):
            if self._table[at]:
                _take_slot(
                    table, slots - 1, shift, self._table[at] >> 32, <uint32_t>self._table[at]
                )
        if self._mask:
            free(self._table)
        self._table = table
        self._mask = slots - 1
        self._shift = shift
        return 0

    cdef void _release_all(self) noexcept:
        # The cache is empty before the first finalizer runs.
        cdef Node* nodes = self._nodes
        cdef uint32_t n, end = self._fresh
        if self._mask:
            free(self._table)
        self._table = &NO_TABLE
        self._mask = 0
        self._shift = 32
        self._nodes = NULL
        self._count = self._capacity = self._fresh = self._free = self._stale = 0
        self._gc_linked = 0
        self._ttl_classes = 0
        self.used_bytes = 0
        self._epoch += 1
        for n in range(SENTINELS, end):
            if nodes[n].key != NULL:
                Py_DECREF(<object>nodes[n].key)
                Py_DECREF(<object>nodes[n].value)
        free(nodes)


cdef int _same_by_eq(PyObject* held, object key) except -1:
    kept = <object>held  # __eq__ may take it out of the cache
    return PyObject_RichCompareBool(kept, key, Py_EQ)


cdef inline void _take_slot(
    uint64_t* table, uint32_t mask, uint32_t shift, uint32_t tag, uint32_t n
) noexcept nogil:
    cdef uint32_t at = <uint32_t>(<uint64_t>tag >> shift)
    while table[at]:
        at = (at + 1) & mask
    table[at] = <uint64_t>tag << 32 | n


cdef inline void _leave_slot(
    uint64_t* table, uint32_t mask, uint32_t shift, uint32_t tag, uint32_t n
) noexcept nogil:
    cdef uint32_t gap = <uint32_t>(<uint64_t>tag >> shift)
    cdef uint32_t at, home
    while <uint32_t>table[gap] != n:
        gap = (gap + 1) & mask
    at = gap
    while True:
        at = (at + 1) & mask
        if table[at] == 0:
            break
        home = <uint32_t>((table[at] >> 32) >> shift)
        if ((at - home) & mask) >= ((at - gap) & mask):  # the gap is on this one's way home
            table[gap] = table[at]
            gap = at
    table[gap] = 0


@cython.final
cdef class LruCache(Cache):
    """At most `max_entries` entries of together at most `max_bytes`; the least recently used go.

    `size_of(key, value)` gives the size of an entry written without `size_bytes`. Every write
    returns the version it stored, which is above 0, or says why nothing changed: CONFLICT (0) if
    the key was not as the method wants it, TOO_LARGE (-1) if the entry alone is over `max_bytes`.
    Raises ValueError for limits and sizes out of range.
    """

    def __cinit__(self, max_entries, max_bytes=None, size_of=None, on_evict=None):
        self._limit(max_entries, max_bytes)
        self._size_of = size_of
        self._on_evict = on_evict

    @cython.binding(False)
    def set(self, key, value, size_bytes=None):
        """Stores the entry."""
        return self._put(ALWAYS, key, value, self._size(key, value, size_bytes), 0, 0)

    def add(self, key, value, size_bytes=None):
        """Stores the entry if the key is absent."""
        return self._put(IF_ABSENT, key, value, self._size(key, value, size_bytes), 0, 0)

    def replace(self, key, value, size_bytes=None):
        """Stores the entry if the key is present."""
        return self._put(IF_PRESENT, key, value, self._size(key, value, size_bytes), 0, 0)

    def compare_and_set(self, key, value, version, size_bytes=None):
        """Stores the entry if the key is present in this version."""
        return self._put(
            IF_VERSION, key, value, self._size(key, value, size_bytes), 0, version
        )


@cython.final
cdef class TtlCache(Cache):
    """An LruCache whose entries also expire, `ttl_ns` after they were written or touched.

    A write may give its entry another `ttl_ns`; NEVER_NS keeps an entry until it is evicted.
    `clock()` returns nanoseconds as an int and does not go back; by default it is the system's
    CLOCK_MONOTONIC, read without a Python call.
    """

    def __cinit__(
        self, max_entries, ttl_ns, max_bytes=None, size_of=None, on_evict=None, clock=None
    ):
        if ttl_ns is None:
            raise TypeError("ttl_ns is an int")
        self._limit(max_entries, max_bytes)
        self._timed = True
        self._ttl_ns = _ttl(ttl_ns)
        self._size_of = size_of
        self._on_evict = on_evict
        self._clock = clock

    @property
    def ttl_ns(self):
        """The time to live of an entry written without one."""
        return self._ttl_ns

    @cython.binding(False)
    def set(self, key, value, size_bytes=None, ttl_ns=None):
        """Stores the entry."""
        return self._put(
            ALWAYS, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), 0
        )

    def add(self, key, value, size_bytes=None, ttl_ns=None):
        """Stores the entry if the key is absent."""
        return self._put(
            IF_ABSENT, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), 0
        )

    def replace(self, key, value, size_bytes=None, ttl_ns=None):
        """Stores the entry if the key is present."""
        return self._put(
            IF_PRESENT, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), 0
        )

    def compare_and_set(self, key, value, version, size_bytes=None, ttl_ns=None):
        """Stores the entry if the key is present in this version."""
        return self._put(
            IF_VERSION, key, value, self._size(key, value, size_bytes), _ttl(ttl_ns), version
        )

    def touch(self, key, ttl_ns=None):
        """Starts the time to live anew and makes `key` the most recently used; if it is there.

        The version stays, and no hit or miss is counted.
        """
        cdef int64_t ttl = _ttl(ttl_ns)
        cdef uint32_t tag = _tag(_hash(key))
        cdef int64_t now = self._now()
        cdef uint32_t n = self._find_live(key, tag, now)
        if n == NONE:
            return False
        self._expire_at(n, now, ttl if ttl else self._ttl_ns)
        self._warm(n)
        return True


# Entries are no Python objects, so the garbage collector comes to them through these two.
cdef traverse_t traverse_attributes = (<TypeSlots*>Cache).tp_traverse
cdef clear_t clear_attributes = (<TypeSlots*>Cache).tp_clear


cdef int _traverse(PyObject* op, visit_t visit, void* argument) noexcept:
    cdef Cache cache = <Cache>op
    cdef uint32_t n
    cdef int stop
    if cache._gc_linked:  # text, bytes and numbers lead nowhere
        for n in range(SENTINELS, cache._fresh):
            if cache._nodes[n].key != NULL and cache._nodes[n].gc_linked:
                stop = visit(cache._nodes[n].key, argument)
                if stop == 0:
                    stop = visit(cache._nodes[n].value, argument)
                if stop:
                    return stop
    return traverse_attributes(op, visit, argument)


cdef int _clear(PyObject* op) noexcept:
    (<Cache>op)._release_all()
    return clear_attributes(op)


def _install():
    for cls in (Cache, LruCache, TtlCache):
        (<TypeSlots*>cls).tp_traverse = _traverse
        (<TypeSlots*>cls).tp_clear = _clear


_install()
