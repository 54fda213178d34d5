"""The entries of a cache, with their versions and deadlines, within its limits.

Every write reclaims up to two dead entries, expired or of an older generation, and none that is
alive is evicted while the head of a list is dead. So dead entries go faster than new ones come,
and no single call pays for all of them.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from blrcs_native.cache.table cimport (
    NONE,
    SENTINELS,
    Node,
    add_node,
    expire_at,
    find,
    first_expired,
    hash_of,
    make_empty,
    release_all,
    remove_node,
    tag_of,
    warm,
)

cdef extern from "Python.h":
    bint PyObject_IS_GC(PyObject*) nogil
    PyObject* PyObject_CallFunctionObjArgs(PyObject*, ...)
    void PyErr_WriteUnraisable(PyObject*)
    ctypedef int (*visit_t "visitproc")(PyObject*, void*) noexcept
    ctypedef int (*traverse_t "traverseproc")(PyObject*, visit_t, void*) noexcept
    ctypedef int (*clear_t "inquiry")(PyObject*) noexcept
    ctypedef struct TypeSlots "PyTypeObject":
        traverse_t tp_traverse
        clear_t tp_clear

cdef enum:
    DEAD_PER_WRITE = 2

cdef str CAPACITY = "capacity"
cdef str EXPIRED = "expired"
cdef str INVALIDATED = "invalidated"


cdef class CacheStore:
    """What a cache is made of, without a method of its own for Python."""

    def __cinit__(self):
        make_empty(&self._table)

    def __dealloc__(self):
        self._release_all()

    cdef uint32_t _find_live(self, object key, uint32_t tag, int64_t now) except? 0xFFFFFFFF:
        # No foreign code runs between the last comparison and the return.
        cdef uint32_t n = find(&self._table, key, tag)
        while n != NONE and not self._is_live(n, now):
            self._drop(n, now)
            n = find(&self._table, key, tag)
        return n

    cdef int64_t _put(
        self,
        Condition condition,
        object key,
        object value,
        int64_t size_bytes,
        int64_t ttl_ns,
        uint64_t version,
    ) except -2:
        cdef uint32_t tag = tag_of(hash_of(key))
        cdef int64_t now = self._now()
        if size_bytes > self._max_bytes:
            self._refusals += 1
            return TOO_LARGE_C
        cdef uint32_t n = self._find_live(key, tag, now)
        if n == NONE:
            if condition == IF_PRESENT or condition == IF_VERSION:
                return CONFLICT_C
        elif condition == IF_ABSENT or (
            condition == IF_VERSION and self._table.nodes[n].version != version
        ):
            return CONFLICT_C
        cdef PyObject* old = NULL
        if n == NONE:
            n = add_node(&self._table, key, tag, self.max_entries)
            self._inserts += 1
        else:
            old = self._table.nodes[n].value
            self._updates += 1
        cdef Node* node = &self._table.nodes[n]
        self._last_version += 1
        version = node.version = self._last_version
        self.used_bytes += size_bytes - node.size_bytes
        node.size_bytes = size_bytes
        Py_INCREF(value)
        node.value = <PyObject*>value
        self._gc_linked -= node.gc_linked
        node.gc_linked = PyObject_IS_GC(node.key) or PyObject_IS_GC(node.value)
        self._gc_linked += node.gc_linked
        warm(&self._table, n)
        if self._timed:
            expire_at(&self._table, n, now, ttl_ns if ttl_ns else self._ttl_ns)
        self._settle(now)
        if old != NULL:
            Py_DECREF(<object>old)
        return version

    cdef void _delete(self, uint32_t n) noexcept:
        cdef PyObject* key = self._table.nodes[n].key
        cdef PyObject* value = self._table.nodes[n].value
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
            is_over = self._table.count > self.max_entries or self.used_bytes > self._max_bytes
            if not is_over and dead_left == 0:
                return
            n = self._first_dead(now)
            if n == NONE:
                if not is_over:
                    return
                n = self._table.nodes[0].warmer
            if dead_left:
                dead_left -= 1
            self._drop(n, now)

    cdef uint32_t _first_dead(self, int64_t now) noexcept:
        if self._stale:  # no use has warmed an entry since it was invalidated
            return self._table.nodes[0].warmer
        return first_expired(&self._table, now)

    cdef void _drop(self, uint32_t n, int64_t now) noexcept:
        cdef PyObject* key = self._table.nodes[n].key
        cdef PyObject* value = self._table.nodes[n].value
        cdef PyObject* answer
        cdef str reason
        if self._table.nodes[n].version < self._floor_version:
            reason = INVALIDATED
            self._invalidations += 1
        elif self._table.nodes[n].deadline_ns <= now:
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
        cdef Node* node = &self._table.nodes[n]
        self.used_bytes -= node.size_bytes
        self._gc_linked -= node.gc_linked
        self._stale -= node.version < self._floor_version
        remove_node(&self._table, n)

    cdef void _release_all(self) noexcept:
        # All is counted as gone before the first finalizer runs.
        self._stale = 0
        self._gc_linked = 0
        self.used_bytes = 0
        release_all(&self._table)


# Entries are no Python objects, so the garbage collector comes to them through these two.
cdef traverse_t traverse_attributes = (<TypeSlots*>CacheStore).tp_traverse
cdef clear_t clear_attributes = (<TypeSlots*>CacheStore).tp_clear


cdef int _traverse(PyObject* op, visit_t visit, void* argument) noexcept:
    cdef CacheStore store = <CacheStore>op
    cdef Node* nodes = store._table.nodes
    cdef uint32_t n
    cdef int stop
    if store._gc_linked:  # text, bytes and numbers lead nowhere
        for n in range(SENTINELS, store._table.fresh):
            if nodes[n].key != NULL and nodes[n].gc_linked:
                stop = visit(nodes[n].key, argument)
                if stop == 0:
                    stop = visit(nodes[n].value, argument)
                if stop:
                    return stop
    return traverse_attributes(op, visit, argument)


cdef int _clear(PyObject* op) noexcept:
    (<CacheStore>op)._release_all()
    return clear_attributes(op)


# The classes below this one are made later, and so inherit them.
(<TypeSlots*>CacheStore).tp_traverse = _traverse
(<TypeSlots*>CacheStore).tp_clear = _clear
