"""Copies of cache entries that another process keeps, by which a worker answers by itself."""

import time
from types import GenericAlias

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, uint64_t

from blrcs_native.cache.caches cimport LruCache
from blrcs_native.cache.hits cimport CacheHits
from blrcs_native.cache.space cimport EntryClock, StoredEntry
from blrcs_native.cache.stamps cimport CacheStamps

cdef enum:
    MAX_NOTED = 10_000  # so that telling the keeper takes a few milliseconds at most
    SAME_NS = 1_000_000  # what is told of one instant at two times may differ by less


@cython.no_gc
@cython.freelist(64)
@cython.final
cdef class NearCopy:
    pass


@cython.final
cdef class NearSpace:
    cdef NearCopy find(self, str key):
        cdef NearCopy copy = <NearCopy>self.copies.get_c(key, None)
        cdef NearCopies owner = self.owner
        if copy is None:
            return None
        # First the clock: a stamp that is the same afterwards was so at the time it told.
        if owner.good_until_ns != INT64_MAX and owner.good_until_ns <= owner._now():
            return None
        if copy.stamp != self.stamps.stamp_at(copy.word) or (
            copy.entry.deadline != INT64_MAX and copy.entry.deadline <= owner._now()
        ):
            self.copies.delete_c(key)
            return None
        return copy

    cdef int count(self, NearCopy copy) except -1:
        self.hits.add(self.column)
        if copy.noted_in != self.round and len(self.used) < MAX_NOTED:
            copy.noted_in = self.round
            self.used.append(copy.key)
        return 0


@cython.final
cdef class NearCopies(EntryClock):
    """See cache/near.pyi."""

    __class_getitem__ = classmethod(GenericAlias)

    def __init__(
        self,
        CacheStamps stamps not None,
        CacheHits hits not None,
        *,
        bounds,
        Py_ssize_t max_namespaces,
        make,
        clock=time.time_ns,
        monotonic=time.monotonic_ns,
    ):
        EntryClock.__init__(self, clock, monotonic)
        self.stamps = stamps
        self.hits = hits
        self.bounds = bounds
        self.max_namespaces = max_namespaces
        self.make = make
        self.good_until_ns = INT64_MAX
        self.spaces = {}

    @cython.binding(False)
    def get(self, str namespace not None, str key not None):
        cdef NearSpace space = self.space_of(namespace)
        cdef NearCopy copy = None if space is None else space.find(key)
        cdef int64_t expires_at_ns
        if copy is None:
            return None
        space.count(copy)
        expires_at_ns = self.expires_at_ns(copy.entry, INT64_MAX)
        # The wall clock may have been set since it was made.
        if copy.shown is None or not (
            -SAME_NS < expires_at_ns - copy.shown_expires_at_ns < SAME_NS
        ):
            copy.shown = self.shown(copy.key, copy.entry, expires_at_ns)
            copy.shown_expires_at_ns = expires_at_ns
        return copy.shown

    def stamp(self, str namespace not None, str key not None):
        cdef NearSpace space = self.space_of(namespace)
        stamps = self.stamps.of(namespace) if space is None else space.stamps
        return stamps.stamp(key)

    def keep(
        self,
        str namespace not None,
        str key not None,
        uint64_t stamp,
        StoredEntry entry not None,
        column,
    ):
        cdef NearSpace space
        cdef NearCopy copy
        if column is None:
            return
        space = self.space_of(namespace)
        if space is None:
            space = self._new_space(namespace)
        # Where a namespace was made anew, no copy of the old one answers any more.
        space.column = column
        if not 0 <= space.column < self.hits.count:
            raise IndexError("there is no such column")
        copy = NearCopy.__new__(NearCopy)
        copy.entry = entry
        copy.key = key
        copy.word = space.stamps.word_of(key)
        copy.stamp = stamp
        if stamp == space.stamps.stamp_at(copy.word):
            space.copies.set_c(key, copy, entry.size_bytes, 0)

    def show(self, str key not None, StoredEntry entry not None):
        return self.shown(key, entry, self.expires_at_ns(entry, INT64_MAX))

    def take_used(self):
        cdef NearSpace space
        cdef dict taken = {}
        for namespace, space in self.spaces.items():
            if space.used:
                taken[namespace] = space.used
                space.used = []
                space.round += 1
        return taken

    cdef object shown(self, str key, StoredEntry entry, int64_t expires_at_ns):
        expires = None if expires_at_ns == INT64_MAX else expires_at_ns
        return self.make(key, entry.value, entry.content_type, entry.version, expires)

    cdef NearSpace space_of(self, str namespace):
        cdef PyObject* found = PyDict_GetItemWithError(self.spaces, namespace)
        return None if found == NULL else <NearSpace><object>found

    def _new_space(self, str namespace):
        cdef NearSpace space = NearSpace.__new__(NearSpace)
        max_entries, max_bytes = self.bounds(namespace)
        if len(self.spaces) >= self.max_namespaces:
            del self.spaces[next(iter(self.spaces))]
        space.copies = LruCache(max_entries, max_bytes=max_bytes)
        space.stamps = self.stamps.of(namespace)
        space.owner = self
        space.hits = self.hits
        space.used = []
        space.round = 1
        self.spaces[namespace] = space
        return space
