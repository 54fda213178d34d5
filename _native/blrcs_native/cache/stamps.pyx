"""What tells the processes of a server that their copies of cache entries are old."""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t, uintptr_t
from libc.string cimport memcpy

from blrcs_native.shared.generation cimport bump
from blrcs_native.siphash cimport Hash128, siphash128_of

cdef enum:
    KEY_BYTES = 16
    HEAD_BYTES = 64  # the numbers begin with a cache line
    WORD_BYTES = 8


cdef Hash128 hash_of_text(str text, uint64_t key_low, uint64_t key_high) except *:
    cdef Py_ssize_t size = 0
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    return siphash128_of(<const unsigned char*>data, size, key_low, key_high)


# Cleared as part of a cycle, it would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class CacheStamps:
    """See cache/stamps.pyi."""

    def __cinit__(self, buffer not None):
        cdef uint64_t count
        cdef uint64_t[2] key
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE)
        self.acquired = True
        count = <uint64_t>max(0, self.view.len - HEAD_BYTES) // WORD_BYTES
        if not count or count & (count - 1) or self.view.len != self.size_bytes_for(count):
            raise ValueError("the buffer has no size of size_bytes_for()")
        if <uintptr_t>self.view.buf % WORD_BYTES:
            raise ValueError("the buffer is not aligned to 8 bytes")
        memcpy(key, self.view.buf, KEY_BYTES)
        self.key_low, self.key_high = key[0], key[1]
        self.words = <uint64_t*>(<char*>self.view.buf + HEAD_BYTES)
        self.mask = count - 1

    def __dealloc__(self):
        if self.acquired:
            PyBuffer_Release(&self.view)

    @staticmethod
    def size_bytes_for(Py_ssize_t count):
        return HEAD_BYTES + count * WORD_BYTES

    @staticmethod
    def lay_out(buffer not None, bytes key not None):
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        memoryview(buffer).cast("B")[:KEY_BYTES] = key

    def of(self, str namespace not None):
        cdef Hash128 found = hash_of_text(namespace, self.key_low, self.key_high)
        cdef NamespaceStamps stamps = NamespaceStamps.__new__(NamespaceStamps)
        stamps.owner = self
        stamps.whole = &self.words[found.low & self.mask]
        # A key of its own for each namespace: what keys collide in one says nothing of another.
        stamps.key_low = found.low ^ self.key_high
        stamps.key_high = found.high ^ self.key_low
        return stamps

    def bump_all(self):
        cdef uint64_t number
        for number in range(self.mask + 1):
            bump(&self.words[number])


@cython.no_gc
@cython.final
cdef class NamespaceStamps:
    """See cache/stamps.pyi."""

    def __init__(self):
        raise TypeError("they are made by CacheStamps.of()")

    cdef uint64_t* word_of(self, str key) except NULL:
        cdef Hash128 found = hash_of_text(key, self.key_low, self.key_high)
        return &self.owner.words[found.low & self.owner.mask]

    def stamp(self, str key not None):
        return self.stamp_at(self.word_of(key))

    def bump(self, str key not None):
        bump(self.word_of(key))

    def bump_whole(self):
        bump(self.whole)
