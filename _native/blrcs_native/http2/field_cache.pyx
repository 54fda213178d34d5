"""Header fields as Python objects, remembered: most calls repeat those of the last one."""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from blrcs_native.http2.wire cimport binary_values

from blrcs_native.http2.metadatum import Metadatum

# Which fields meet in one slot cannot be guessed from outside.
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")


cdef inline uint64_t mixed(uint64_t hashed, uint64_t word) noexcept nogil:
    hashed = (hashed ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return hashed ^ (hashed >> 32)


cdef uint64_t octets_hash(
    uint64_t hashed, const unsigned char* data, Py_ssize_t size
) noexcept nogil:
    cdef uint64_t word
    hashed = mixed(hashed, <uint64_t>size)
    while size >= 8:
        memcpy(&word, data, 8)
        hashed = mixed(hashed, word)
        data += 8
        size -= 8
    if size > 0:
        word = 0
        memcpy(&word, data, size)
        hashed = mixed(hashed, word)
    return hashed


cdef str text_of(const unsigned char* data, Py_ssize_t size):
    try:
        return data[:size].decode("utf-8")
    except UnicodeDecodeError:
        return data[:size].decode("latin-1")


cdef object new_field(str name, value):
    return tuple.__new__(Metadatum, (name, value))


@cython.final
cdef class FieldCache:
    def __dealloc__(self):
        self.clear()

    cdef void clear(self) noexcept:
        cdef Py_ssize_t slot
        cdef PyObject* key
        cdef PyObject* field
        for slot in range(FIELD_SLOTS):
            key = self._keys[slot]
            field = self._fields[slot]
            self._keys[slot] = NULL
            self._fields[slot] = NULL
            Py_XDECREF(key)
            Py_XDECREF(field)

    def find(self, bytes name not None, bytes value not None):
        found = self.field(
            <const unsigned char*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name),
            <const unsigned char*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value),
        )
        if found is None or type(found) is list:
            return found
        return [found]

    cdef object field(
        self, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size
    ):
        """A Metadatum, a list of them where a binary field has several values, or None."""
        cdef Py_ssize_t slot
        cdef PyObject* key
        cdef const unsigned char* kept
        if name_size + value_size > MAX_CACHED_FIELD_BYTES:
            return read_field(name, name_size, value, value_size)
        slot = octets_hash(octets_hash(SEED, name, name_size), value, value_size) % FIELD_SLOTS
        key = self._keys[slot]
        if key != NULL and PyBytes_GET_SIZE(<object>key) == name_size + 1 + value_size:
            kept = <const unsigned char*>PyBytes_AS_STRING(<object>key)
            # A name never holds a zero, so the key is unambiguous.
            if (
                memcmp(kept, name, name_size) == 0
                and kept[name_size] == 0
                and memcmp(kept + name_size + 1, value, value_size) == 0
            ):
                return <object>self._fields[slot]
        return self._remember(slot, name, name_size, value, value_size)

    cdef object _remember(
        self, Py_ssize_t slot, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size
    ):
        cdef bytes key
        cdef char* target
        cdef PyObject* old_key = self._keys[slot]
        cdef PyObject* old_field = self._fields[slot]
        field = read_field(name, name_size, value, value_size)
        if field is None:
            return None
        key = PyBytes_FromStringAndSize(NULL, name_size + 1 + value_size)
        target = PyBytes_AS_STRING(key)
        memcpy(target, name, name_size)
        target[name_size] = 0
        memcpy(target + name_size + 1, value, value_size)
        Py_INCREF(key)
        Py_INCREF(field)
        self._keys[slot] = <PyObject*>key
        self._fields[slot] = <PyObject*>field
        Py_XDECREF(old_key)
        Py_XDECREF(old_field)
        return field


cdef object read_field(
    const unsigned char* name, Py_ssize_t name_size,
    const unsigned char* value, Py_ssize_t value_size
):
    cdef str key = text_of(name, name_size)
    if name_size < 4 or memcmp(name + name_size - 4, b"-bin", 4) != 0:
        return new_field(key, text_of(value, value_size))
    values = binary_values(value[:value_size])
    if values is None:
        return None
    if len(values) == 1:
        return new_field(key, values[0])
    return [new_field(key, each) for each in values]
