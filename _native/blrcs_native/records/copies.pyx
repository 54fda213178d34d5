"""Copies of records that a process has read, by which it answers by itself."""

import time

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from blrcs_native.cache.caches cimport LruCache
from blrcs_native.cache.stamps cimport CacheStamps, NamespaceStamps
from blrcs_native.clock cimport monotonic_ns

cdef enum:
    # What a copy takes beside the bytes that it holds, and likewise each of its sealed values.
    MAX_ENTRIES = 1 << 30
    COPY_BYTES = 256
    SEALED_BYTES = 160


@cython.no_gc
@cython.freelist(64)
@cython.final
cdef class RecordCopy:
    """See records/copies.pyi."""

    def __init__(self):
        raise TypeError("they are made by RecordCopies.keep()")


@cython.final
cdef class RecordCopies:
    """See records/copies.pyi."""

    def __init__(
        self,
        CacheStamps stamps not None,
        *,
        int64_t max_bytes,
        clock=time.time_ns,
        monotonic=time.monotonic_ns,
    ):
        self.stamps = stamps
        self.copies = LruCache(
            min(MAX_ENTRIES, max(1, max_bytes // COPY_BYTES)), max_bytes=max_bytes
        )
        self.good_until_ns = 0
        # The system's own clocks are read without a Python call.
        self._clock = None if clock is time.time_ns else clock
        self._monotonic = None if monotonic is time.monotonic_ns else monotonic

    def __len__(self):
        return len(self.copies)

    @property
    def used_bytes(self):
        return self.copies.used_bytes

    def find(self, str name not None):
        return self.find_c(name)

    def stamp(self, str collection not None, str name not None):
        return self.stamps.of(collection).stamp(name)

    def keep(
        self,
        str collection not None,
        str name not None,
        uint64_t stamp,
        bytes encoded not None,
        dict sealed,
        expire_time_ns,
    ):
        cdef RecordCopy copy = RecordCopy.__new__(RecordCopy)
        cdef int64_t size_bytes = COPY_BYTES + len(name) + len(encoded)
        copy.encoded = encoded
        copy.sealed = sealed
        copy.expire_time_ns = INT64_MAX if expire_time_ns is None else expire_time_ns
        copy.stamps = self.stamps.of(collection)
        copy.word = copy.stamps.word_of(name)
        copy.stamp = stamp
        if sealed is not None:
            for path, value in sealed.items():
                size_bytes += SEALED_BYTES + len(path) + len(value)
        if stamp == copy.stamps.stamp_at(copy.word):
            self.copies.set_c(name, copy, size_bytes, 0)

    def changed(self, str collection not None, names not None):
        cdef NamespaceStamps stamps = self.stamps.of(collection)
        for name in names:
            stamps.bump(name)

    def all_changed(self, str collection not None):
        self.stamps.of(collection).bump_whole()

    cdef RecordCopy find_c(self, str name):
        cdef RecordCopy copy = <RecordCopy>self.copies.get_c(name, None)
        if copy is None:
            return None
        # First the clock: a stamp that is the same afterwards was so at the time it told.
        if self.good_until_ns <= self._now_ns():
            return None
        if copy.stamp != copy.stamps.stamp_at(copy.word) or (
            copy.expire_time_ns != INT64_MAX and copy.expire_time_ns <= self._wall_ns()
        ):
            self.copies.delete_c(name)
            return None
        return copy

    cdef int64_t _now_ns(self) except? -1:
        return monotonic_ns() if self._monotonic is None else self._monotonic()

    cdef int64_t _wall_ns(self) except? -1:
        cdef timespec now
        if self._clock is not None:
            return self._clock()
        clock_gettime(CLOCK_REALTIME, &now)
        return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
