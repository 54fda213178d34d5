"""Compression of messages: gzip (RFC 1952) and deflate, which is zlib's format (RFC 1950)."""

import zlib

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from blrcs_native.clock cimport monotonic_ns

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject** held, Py_ssize_t size) except -1

cdef enum:
    # A byte of HPACK may stand for thousands of commas.
    MAX_ACCEPTED = 256
    # What one step takes, and what it makes at most: well within a connection's turn.
    FED_BYTES = 16384
    STEP_BYTES = 32768
    # Deflate makes no more of an octet (RFC 1951: 258 octets of two bits).
    MOST_TIMES = 1032
    # As much room as the largest message takes by default: such a message is never moved.
    FIRST_ROOM_BYTES = 4 << 20

ENCODINGS = ("identity", "deflate", "gzip")

cdef dict WINDOW_BITS = {"deflate": 15, "gzip": 31}
# grpc.Compression is an enumeration of these numbers.
cdef tuple BY_NUMBER = (None, "deflate", "gzip")


cdef bytes compressed(str encoding, bytes body):
    packer = zlib.compressobj(wbits=WINDOW_BITS[encoding])
    return packer.compress(body) + packer.flush()


@cython.final
cdef class Inflation:
    """A message on its way out of its encoding, a step at a time: few bytes can become many."""

    def __cinit__(self, str encoding not None, bytes packed not None):
        self._encoding = encoding
        self._packed = packed

    def __dealloc__(self):
        Py_XDECREF(self._room)

    cdef void begin_again(self) except *:
        """Holds no more than what was sent, until the next step."""
        room, self._room = self._room, NULL
        Py_XDECREF(room)
        self._unpacker = None
        self._at = self._size_bytes = 0

    cdef bint run(self, Py_ssize_t max_bytes, int64_t end_ns) except -1:
        """Takes steps until it is done, which it tells, or the time is over."""
        while not self.step(max_bytes):
            if monotonic_ns() >= end_ns:
                return False
        return True

    cdef bint step(self, Py_ssize_t max_bytes) except -1:
        """Whether it is done; ValueError where it is malformed."""
        cdef bytes part
        if self._unpacker is None:
            self._unpacker = zlib.decompressobj(wbits=WINDOW_BITS[self._encoding])
            self._fed = b""
        if not self._fed:
            self._fed = self._packed[self._at : self._at + FED_BYTES]
            self._at += FED_BYTES
        try:
            part = self._unpacker.decompress(self._fed, STEP_BYTES)
        except zlib.error:
            raise ValueError(f"not {self._encoding}") from None
        self._fed = self._unpacker.unconsumed_tail
        if self._size_bytes + len(part) > max_bytes:
            self.is_too_large = True
            return True
        if self._unpacker.eof and self._size_bytes == 0:
            self._whole = part
        else:
            self._put(part, max_bytes)
        if self._unpacker.eof:
            if self._unpacker.unused_data or self._at < len(self._packed):
                raise ValueError(f"not one whole {self._encoding}")
            return True
        if not self._fed and self._at >= len(self._packed) and len(part) < STEP_BYTES:
            raise ValueError(f"not one whole {self._encoding}")
        return False

    cdef void _put(self, bytes part, Py_ssize_t max_bytes) except *:
        """Into room for all that may come, of which takes memory what is written to. It is doubled
        where that is more than most messages have."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(part)
        cdef Py_ssize_t filled = self._size_bytes
        self._size_bytes += size
        if self._room == NULL:
            room = PyBytes_FromStringAndSize(NULL, min(
                max(size, MOST_TIMES * PyBytes_GET_SIZE(self._packed)),
                min(max_bytes, <Py_ssize_t>FIRST_ROOM_BYTES),
            ))
            Py_INCREF(room)
            self._room = <PyObject*>room
        elif PyBytes_GET_SIZE(<bytes>self._room) < self._size_bytes:
            _PyBytes_Resize(&self._room, min(2 * self._size_bytes, max_bytes))
        memcpy(PyBytes_AS_STRING(<bytes>self._room) + filled, PyBytes_AS_STRING(part), size)

    cdef bytes plain(self):
        """All of it, once it is done; to be taken once."""
        if self._whole is None:
            if PyBytes_GET_SIZE(<bytes>self._room) != self._size_bytes:
                _PyBytes_Resize(&self._room, self._size_bytes)
            self._whole = <bytes>self._room
            Py_XDECREF(self._room)
            self._room = NULL
        return self._whole


cdef str accepted(str encoding, str accepted_encodings):
    """The encoding where the client accepts it, else None, as where it names more than there are."""
    if encoding is None or accepted_encodings is None or len(accepted_encodings) > MAX_ACCEPTED:
        return None
    for each in accepted_encodings.split(","):
        if each.strip() == encoding:
            return encoding
    return None


cdef str encoding_name(object compression):
    number = getattr(compression, "value", compression)
    if number is None:
        return None
    if type(number) is not int or not 0 <= number < len(BY_NUMBER):
        raise ValueError(f"{compression!r} is no compression")
    return BY_NUMBER[number]


def compress(str encoding not None, bytes body not None):
    return compressed(encoding, body)


def decompress(str encoding not None, bytes body not None, Py_ssize_t max_bytes):
    cdef Inflation inflation = Inflation(encoding, body)
    while not inflation.step(max_bytes):
        pass
    return None if inflation.is_too_large else inflation.plain()


def name_of(compression):
    return encoding_name(compression)
