"""The memory of a cache: slots that lead from hashes to nodes, and the lists that nodes stand in.

A table of eight-byte slots, each a tag of the key's hash and the index of a node, leads to entries
of one cache line each, so a hit among a million entries waits for memory three times: for the
slot, for the entry, and for its key and value at once. Links between entries are indices, on a hit
only written and never followed.

Deadlines stand in 63 first-in first-out lists, one for each power of two of the time to live (the
TTL buckets of Segcache, NSDI 2021). Where a heap costs a memory access for each of its levels and
a timer wheel moves entries in bursts, here nothing ever moves: the head of a list is the first
that may be dead. An entry waits behind others for at most as long again as its own time to live.
"""

from cpython.object cimport Py_EQ, PyObject_RichCompareBool
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void* address, size_t length, int advice)
    enum:
        MADV_HUGEPAGE

cdef extern from *:
    int trailing_zeros "__builtin_ctzll"(unsigned long long) nogil
    int leading_zeros "__builtin_clzll"(unsigned long long) nogil

cdef enum:
    LINE_BYTES = 64

cdef size_t HUGE_PAGE_BYTES = 1 << 21
cdef uint64_t NO_SLOTS = 0  # the one free slot of a table that holds no memory


cdef void make_empty(CacheTable* table) noexcept:
    """Forgets all memory, which is the caller's to free."""
    table.slots = &NO_SLOTS
    table.mask = 0
    table.shift = 32
    table.nodes = NULL
    table.count = table.capacity = table.fresh = table.free = 0
    table.ttl_classes = 0
    table.epoch += 1


cdef void release_all(CacheTable* table) noexcept:
    """Drops all entries and frees all memory; the table is empty before a finalizer runs."""
    cdef CacheTable old = table[0]
    cdef uint32_t n
    make_empty(table)
    if old.mask:
        free(old.slots)
    for n in range(SENTINELS, old.fresh):
        if old.nodes[n].key != NULL:
            Py_DECREF(<object>old.nodes[n].key)
            Py_DECREF(<object>old.nodes[n].value)
    free(old.nodes)


cdef uint64_t size_bytes_of(const CacheTable* table) noexcept:
    """The bytes of all slots and nodes."""
    cdef uint64_t slots = <uint64_t>table.mask + 1 if table.mask else 0
    return table.capacity * sizeof(Node) + slots * sizeof(uint64_t)


cdef uint32_t add_node(
    CacheTable* table, object key, uint32_t tag, int64_t max_entries
) except? 0xFFFFFFFF:
    """The node of a key that had none; its value is the caller's to give at once."""
    if table.free == NONE and table.fresh == table.capacity:
        _grow_nodes(table, max_entries)
    if 2 * <uint64_t>(table.count + 1) > <uint64_t>table.mask + 1:
        _grow_slots(table)
    cdef uint32_t n = table.free
    if n == NONE:
        n = table.fresh
        table.fresh += 1
    else:
        table.free = table.nodes[n].colder
    cdef Node* node = &table.nodes[n]
    memset(node, 0, sizeof(Node))
    Py_INCREF(key)
    node.key = <PyObject*>key
    node.tag = tag
    node.deadline_ns = INT64_MAX
    node.colder = node.warmer = node.older = node.newer = n
    _take_slot(table.slots, table.mask, table.shift, tag, n)
    table.count += 1
    table.epoch += 1
    return n


cdef void remove_node(CacheTable* table, uint32_t n) noexcept:
    """Frees a node; its references to key and value pass to the caller, who has read them."""
    cdef Node* nodes = table.nodes
    cdef Node* node = &nodes[n]
    nodes[node.colder].warmer = node.warmer
    nodes[node.warmer].colder = node.colder
    nodes[node.older].newer = node.newer
    nodes[node.newer].older = node.older
    _leave_slot(table.slots, table.mask, table.shift, node.tag, n)
    table.count -= 1
    table.epoch += 1
    node.key = NULL
    node.colder = table.free
    table.free = n


cdef void expire_at(CacheTable* table, uint32_t n, int64_t now, int64_t ttl_ns) noexcept:
    """Puts an entry at the end of the list of its time to live, which begins `now`."""
    cdef Node* nodes = table.nodes
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
    table.ttl_classes |= <uint64_t>1 << (head - 1)
    node.newer = head
    node.older = nodes[head].older
    nodes[node.older].newer = n
    nodes[head].older = n


cdef uint32_t first_expired(CacheTable* table, int64_t now) noexcept:
    """An expired entry that heads a list, or NONE."""
    cdef uint64_t left = table.ttl_classes
    cdef uint32_t head, n
    while left:
        head = 1 + trailing_zeros(left)
        n = table.nodes[head].newer
        if n == head:
            table.ttl_classes ^= left & -left
        elif table.nodes[n].deadline_ns <= now:
            return n
        left &= left - 1
    return NONE


cdef int same_by_eq(PyObject* held, object key) except -1:
    kept = <object>held  # __eq__ may take it out of the cache
    return PyObject_RichCompareBool(kept, key, Py_EQ)


cdef inline void _take_slot(
    uint64_t* slots, uint32_t mask, uint32_t shift, uint32_t tag, uint32_t n
) noexcept nogil:
    cdef uint32_t at = home_of(tag, shift)
    while slots[at]:
        at = (at + 1) & mask
    slots[at] = <uint64_t>tag << 32 | n


cdef inline void _leave_slot(
    uint64_t* slots, uint32_t mask, uint32_t shift, uint32_t tag, uint32_t n
) noexcept nogil:
    cdef uint32_t gap = home_of(tag, shift)
    cdef uint32_t at, home
    while <uint32_t>slots[gap] != n:
        gap = (gap + 1) & mask
    at = gap
    while True:
        at = (at + 1) & mask
        if slots[at] == 0:
            break
        home = home_of(slots[at] >> 32, shift)
        if ((at - home) & mask) >= ((at - gap) & mask):  # the gap is on this one's way home
            slots[gap] = slots[at]
            gap = at
    slots[gap] = 0


cdef int _grow_nodes(CacheTable* table, int64_t max_entries) except -1:
    cdef uint64_t capacity = max(2 * <uint64_t>table.capacity, SENTINELS + 16)
    cdef uint64_t enough = SENTINELS + <uint64_t>max_entries + 1
    cdef uint32_t n
    if table.capacity < enough < capacity:
        capacity = enough  # more only where callbacks insert while an eviction is under way
    cdef Node* nodes = <Node*>_lines(capacity * sizeof(Node))
    if table.capacity:
        memcpy(nodes, table.nodes, table.fresh * sizeof(Node))
        free(table.nodes)
    else:
        table.fresh = SENTINELS
        for n in range(SENTINELS):
            nodes[n].colder = nodes[n].warmer = nodes[n].older = nodes[n].newer = n
    table.nodes = nodes
    table.capacity = capacity
    return 0


cdef int _grow_slots(CacheTable* table) except -1:
    cdef uint32_t shift = table.shift - 1 if table.mask else 28
    cdef uint64_t count = <uint64_t>1 << (32 - shift)
    cdef uint64_t* slots = <uint64_t*>_lines(count * sizeof(uint64_t))
    cdef uint64_t at
    memset(slots, 0, count * sizeof(uint64_t))
    for at in range(<uint64_t>table.mask + 1):
        if table.slots[at]:
            _take_slot(
                slots, count - 1, shift, table.slots[at] >> 32, <uint32_t>table.slots[at]
            )
    if table.mask:
        free(table.slots)
    table.slots = slots
    table.mask = count - 1
    table.shift = shift
    return 0


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
