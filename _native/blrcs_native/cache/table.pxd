"""The memory of a cache, for native code that holds the GIL; here is what every hit runs through.

`find` runs `__eq__` of keys and `release_all` finalizers; both may change the table in any way.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp

cdef extern from "Python.h":
    ctypedef struct PyASCIIObject:
        Py_hash_t hash
    Py_hash_t PyObject_Hash(object) except -1
    bint PyUnicode_CheckExact(PyObject*) nogil
    int PyUnicode_KIND(PyObject*) nogil
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject*) nogil
    const void* PyUnicode_DATA(PyObject*) nogil

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void*) nogil

cdef enum:
    NONE = 0
    SENTINELS = 64  # node 0 heads the order of use, nodes 1 to 63 the lists of deadlines


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


# Nodes from SENTINELS to `fresh` are in use where they have a key, else on the list `free`.
cdef struct CacheTable:
    uint64_t* slots
    Node* nodes
    uint32_t shift
    uint32_t mask
    uint32_t count
    uint32_t capacity
    uint32_t fresh
    uint32_t free
    uint64_t epoch  # rises whenever an entry comes or goes
    uint64_t ttl_classes


cdef void make_empty(CacheTable* table) noexcept
cdef void release_all(CacheTable* table) noexcept
cdef uint64_t size_bytes_of(const CacheTable* table) noexcept
cdef uint32_t add_node(
    CacheTable* table, object key, uint32_t tag, int64_t max_entries
) except? 0xFFFFFFFF
cdef void remove_node(CacheTable* table, uint32_t n) noexcept
cdef void expire_at(CacheTable* table, uint32_t n, int64_t now, int64_t ttl_ns) noexcept
cdef uint32_t first_expired(CacheTable* table, int64_t now) noexcept
cdef int same_by_eq(PyObject* held, object key) except -1


cdef inline Py_hash_t hash_of(object key) except -1:
    cdef Py_hash_t known
    if PyUnicode_CheckExact(<PyObject*>key):
        known = (<PyASCIIObject*>key).hash
        if known != -1:
            return known
    return PyObject_Hash(key)


cdef inline uint32_t tag_of(Py_hash_t hash_value) noexcept nogil:
    # Integers hash to themselves: a row of them must not become a row of taken slots.
    cdef uint64_t mixed = <uint64_t>hash_value
    mixed ^= mixed >> 32
    return <uint32_t>((mixed * 0x9E3779B97F4A7C15ULL) >> 32)


cdef inline uint32_t home_of(uint32_t tag, uint32_t shift) noexcept nogil:
    """The slot at which the search for a tag begins."""
    return <uint32_t>(<uint64_t>tag >> shift)


cdef inline void expect(const CacheTable* table, uint32_t tag) noexcept nogil:
    """Lets the memory of the first slot arrive while the caller does something else."""
    prefetch(&table.slots[home_of(tag, table.shift)])


cdef inline int same_text(PyObject* a, PyObject* b) noexcept nogil:
    # 1 equal, 0 different, -1 where only __eq__ can say. Hashed str are in canonical form.
    if not (PyUnicode_CheckExact(a) and PyUnicode_CheckExact(b)):
        return -1
    cdef Py_ssize_t length = PyUnicode_GET_LENGTH(a)
    cdef int kind = PyUnicode_KIND(a)
    if length != PyUnicode_GET_LENGTH(b) or kind != PyUnicode_KIND(b):
        return 0
    return memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), length * kind) == 0


cdef inline uint32_t find(CacheTable* table, object key, uint32_t tag) except? 0xFFFFFFFF:
    """The node of a key, dead or alive, or NONE; no foreign code runs after its comparison."""
    cdef uint64_t epoch, slot
    cdef uint32_t at = home_of(tag, table.shift)
    cdef PyObject* held
    cdef int same
    while True:
        slot = table.slots[at]
        if slot == 0:
            return NONE
        if <uint32_t>(slot >> 32) == tag:
            held = table.nodes[<uint32_t>slot].key
            if held == <PyObject*>key:
                return <uint32_t>slot
            same = same_text(held, <PyObject*>key)
            if same == -1:
                epoch = table.epoch
                same = same_by_eq(held, key)
                if epoch != table.epoch:  # __eq__ moved entries: what was seen may be gone
                    at = home_of(tag, table.shift)
                    continue
            if same:
                return <uint32_t>slot
        at = (at + 1) & table.mask


cdef inline void warm(CacheTable* table, uint32_t n) noexcept nogil:
    """Makes an entry the most recently used."""
    cdef Node* nodes = table.nodes
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
