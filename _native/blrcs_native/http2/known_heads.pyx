"""Heads that a connection has had before, octet by octet: what they say need not be read anew.

Clients repeat themselves, and HPACK makes equal heads of equal octets as long as its table stays as it
is. Which fields a head has follows from its octets and from the table (RFC 7541, section 3.2), so one
that neither changes the table nor comes after a change says what it said before, and nghttp2 would
judge it as before. nghttp2 is handed a stand-in with the fields that it goes by, and the stream what
was read of the first.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from blrcs_native.http2.octets_hash cimport octets_hash
from blrcs_native.http2.request_head cimport NO_PROBLEM
from blrcs_native.http2.stream cimport Stream

cdef enum:
    # So that what is remembered of a connection stays small.
    MOST_FIELD_BYTES = 4096
    MOST_LENGTH_DIGITS = 18

cdef const uint8_t* FIELDS = b"\x83\x86\x84\x01\x01a"
# A content-length that is not indexed.
cdef const uint8_t* LENGTH = b"\x0f\x0d"

cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")


cdef bint has_block(KnownHead head, const uint8_t* block, size_t size) noexcept:
    return (
        <size_t>PyBytes_GET_SIZE(head.block) == size
        and memcmp(PyBytes_AS_STRING(head.block), block, size) == 0
    )


@cython.final
cdef class KnownHead:
    cdef bint take(self, Stream stream, int64_t now_ns) except -1:
        """Takes what was read of a head; whether it is one that can be given again."""
        if (
            stream.head_problem != NO_PROBLEM
            or not stream.is_post
            or not stream.is_grpc
            or stream.path is None
            or stream.head_bytes > MOST_FIELD_BYTES
        ):
            return False
        self.path = stream.path
        self.metadata = tuple(stream.metadata or ())
        self.request_encoding = stream.request_encoding
        self.accepted_encodings = stream.accepted_encodings
        self.timeout_ns = -1 if stream.deadline_ns == 0 else stream.deadline_ns - now_ns
        self.head_bytes = stream.head_bytes
        self.head_fields = stream.head_fields
        self.content_bytes = -1
        memcpy(self.stand_in, FIELDS, STAND_IN_FIELDS)
        self.stand_in_bytes = STAND_IN_FIELDS
        for name, value in self.metadata:
            # nghttp2 holds the body against it.
            if name == "content-length" and not self._stand_for_length(value.encode()):
                return False
        return True

    cdef bint _stand_for_length(self, bytes digits) except -1:
        cdef size_t size = PyBytes_GET_SIZE(digits)
        if size > MOST_LENGTH_DIGITS:
            return False
        self.content_bytes = int(digits)
        memcpy(self.stand_in + STAND_IN_FIELDS, LENGTH, 2)
        self.stand_in[STAND_IN_FIELDS + 2] = <uint8_t>size
        memcpy(self.stand_in + STAND_IN_FIELDS + 3, PyBytes_AS_STRING(digits), size)
        self.stand_in_bytes = STAND_IN_FIELDS + 3 + size
        return True

    cdef void give(self, Stream stream, int64_t now_ns) except *:
        stream.is_post = stream.is_grpc = True
        stream.path = self.path
        stream.metadata = self.metadata
        stream.request_encoding = self.request_encoding
        stream.accepted_encodings = self.accepted_encodings
        stream.head_bytes = self.head_bytes
        stream.head_fields = self.head_fields
        if self.timeout_ns >= 0:
            stream.deadline_ns = now_ns + self.timeout_ns


@cython.final
cdef class KnownHeads:
    def __cinit__(self):
        self._known = []

    cdef KnownHead find(self, const uint8_t* block, size_t size):
        cdef Py_ssize_t index
        cdef Py_ssize_t count = len(self._known)
        if count == 0 or size > MOST_BLOCK_BYTES:
            return None
        if has_block(<KnownHead>self._known[self._last], block, size):
            return <KnownHead>self._known[self._last]
        for index in range(count):
            if has_block(<KnownHead>self._known[index], block, size):
                self._last = index
                return <KnownHead>self._known[index]
        return None

    cdef bint is_seen_again(self, const uint8_t* block, size_t size) noexcept:
        """What comes once is only noted: clients may put something of its own into each head."""
        cdef uint64_t hashed
        if size > MOST_BLOCK_BYTES:
            return False
        hashed = octets_hash(SEED, block, size)
        if self._seen[hashed % KNOWN] == hashed:
            return True
        self._seen[hashed % KNOWN] = hashed
        return False

    cdef void learn(
        self, Stream stream, const uint8_t* block, size_t size, int64_t now_ns
    ) except *:
        """A head that nghttp2 has taken, and which has not changed the table."""
        cdef KnownHead head = KnownHead.__new__(KnownHead)
        if not head.take(stream, now_ns):
            return
        head.block = PyBytes_FromStringAndSize(<const char*>block, size)
        if len(self._known) < KNOWN:
            self._known.append(head)
            return
        self._known[self._oldest] = head
        self._oldest = (self._oldest + 1) % KNOWN

    cdef void forget(self) noexcept:
        """The table has changed, or may have."""
        cdef Py_ssize_t index
        if self._known:
            self._known.clear()
        self._last = self._oldest = 0
        for index in range(KNOWN):
            self._seen[index] = 0
