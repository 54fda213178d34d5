"""Header fields as Python objects, remembered: most calls repeat those of the last one.

What comes once is only noted, so that values that are never sent again are not kept.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from blrcs_native.encoding.octets_hash cimport octets_hash
from blrcs_native.http2.huffman_cache cimport HuffmanCache
from blrcs_native.http2.wire cimport binary_values

from blrcs_native.http2.metadatum import Metadatum

# Which fields meet in one slot cannot be guessed from outside.
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")


cdef str text_of(const unsigned char* data, Py_ssize_t size):
    try:
        return data[:size].decode("utf-8")
    except UnicodeDecodeError:
        return data[:size].decode("latin-1")


cdef inline bint is_key(
    PyObject* key, const unsigned char* name, Py_ssize_t name_size,
    const unsigned char* value, Py_ssize_t value_size
) noexcept:
    """A name never holds a zero, so that keys are unambiguous."""
    cdef const unsigned char* kept
    if key == NULL or PyBytes_GET_SIZE(<object>key) != name_size + 1 + value_size:
        return False
    kept = <const unsigned char*>PyBytes_AS_STRING(<object>key)
    return (
        kept[name_size] == 0
        and memcmp(kept, name, name_size) == 0
        and memcmp(kept + name_size + 1, value, value_size) == 0
    )


cdef object new_field(str name, value):
    """What `tuple.__new__(Metadatum, …)` gives, which would look for the method first."""
    cdef tuple arguments = ((name, value),)
    return (<PyTypeObject*>tuple).tp_new(Metadatum, <PyObject*>arguments, NULL)


@cython.final
cdef class FieldCache:
    def __cinit__(self):
        self.texts = HuffmanCache()

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
            <const unsigned char*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), 0,
        )
        if found is None or type(found) is list:
            return found
        return [found]

    cdef object field(
        self, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size, int place
    ):
        """A Metadatum, a list of them where a binary field has several values, or None.

        `place` is the field's in its head: what stood there last is looked at before all else.
        """
        cdef uint64_t hashed
        cdef Py_ssize_t slot
        cdef int way
        if name_size + value_size > MAX_CACHED_FIELD_BYTES:
            return read_field(name, name_size, value, value_size)
        slot = self._last_slots[place % PLACES]
        if is_key(self._keys[slot], name, name_size, value, value_size):
            return <object>self._fields[slot]
        hashed = octets_hash(octets_hash(SEED, name, name_size), value, value_size)
        slot = hashed % FIELD_SLOTS
        for way in range(WAYS):
            if is_key(self._keys[slot ^ way], name, name_size, value, value_size):
                self._last_slots[place % PLACES] = slot ^ way
                return <object>self._fields[slot ^ way]
        if self._noted[slot] != hashed and self._noted[slot ^ 1] != hashed:
            # What comes by turns with another one of the same slot is seen again all the same.
            self._noted[slot ^ 1] = self._noted[slot]
            self._noted[slot] = hashed
            return read_field(name, name_size, value, value_size)
        return self._remember(slot, name, name_size, value, value_size)

    cdef object _remember(
        self, Py_ssize_t slot, const unsigned char* name, Py_ssize_t name_size,
        const unsigned char* value, Py_ssize_t value_size
    ):
        cdef bytes key
        cdef char* target
        # What was in the slot takes the place of what was in the one beside it.
        cdef PyObject* old_key = self._keys[slot ^ 1]
        cdef PyObject* old_field = self._fields[slot ^ 1]
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
        self._keys[slot ^ 1] = self._keys[slot]
        self._fields[slot ^ 1] = self._fields[slot]
        self._keys[slot] = <PyObject*>key
        self._fields[slot] = <PyObject*>field
        Py_XDECREF(old_key)
        Py_XDECREF(old_field)
        return field


cdef object read_field(
    const unsigned char* name, Py_ssize_t name_size,
    const unsigned char* value, Py_ssize_t value_size
):
    cdef str key
    if name_size == 13 and memcmp(name, b"authorization", 13) == 0:
        key = "authorization"
    else:
        key = text_of(name, name_size)
    if name_size < 4 or memcmp(name + name_size - 4, b"-bin", 4) != 0:
        return new_field(key, text_of(value, value_size))
    values = binary_values(value[:value_size])
    if values is None:
        return None
    if len(values) == 1:
        return new_field(key, values[0])
    return [new_field(key, each) for each in values]
