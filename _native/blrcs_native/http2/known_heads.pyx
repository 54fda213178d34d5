"""Heads that a connection has had before, octet by octet: what they say need not be read anew.

Clients repeat themselves, and HPACK makes equal heads of equal octets as long as its table stays as it
is. Which fields a head has follows from its octets and from the table (RFC 7541, section 3.2), so one
that neither changes the table nor comes after a change says what it said before, and nghttp2 would
judge it as before. nghttp2 is handed a stand-in with the fields that it goes by, and the stream what
was read of the first. Of two heads that are the same but for values that may vary
(`varying_fields.pxd`) the later one says the same but for these.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from blrcs_native.encoding.octets_hash cimport octets_hash
from blrcs_native.http2.field_cache cimport new_field
from blrcs_native.http2.request_head cimport NO_PROBLEM
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.varying_fields cimport Varying, is_visible, plain_text

cdef enum:
    # So that what is remembered of a connection stays small.
    MOST_FIELD_BYTES = 4096
    MOST_LENGTH_DIGITS = 18

cdef const uint8_t* FIELDS = b"\x83\x86\x84\x01\x01a"
# A content-length that is not indexed.
cdef const uint8_t* LENGTH = b"\x0f\x0d"

cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")


@cython.final
cdef class KnownHead:
    cdef bint is_found(self, const uint8_t* block, size_t size) except -1:
        """Whether a block says what this one says, which is given from now on with its values."""
        if (
            <size_t>PyBytes_GET_SIZE(self.block) == size
            and memcmp(PyBytes_AS_STRING(self.block), block, size) == 0
        ):
            self.metadata = self.learned_metadata
            self.head_bytes = self.learned_bytes
            return True
        return self.differing.count > 0 and self._differs_where_it_may(block, size)

    cdef bint _differs_where_it_may(self, const uint8_t* block, size_t size) except -1:
        """No value is longer than it was, so that no limit is reached that was not before."""
        cdef const uint8_t* learned = <const uint8_t*>PyBytes_AS_STRING(self.block)
        cdef const uint8_t* known = learned
        cdef const uint8_t* known_end = learned + PyBytes_GET_SIZE(self.block)
        cdef const uint8_t* end = block + size
        cdef const uint8_t* values[MOST_VARYING]
        cdef size_t sizes[MOST_VARYING]
        cdef const Varying* value
        cdef size_t same
        cdef int index
        cdef list fields
        for index in range(self.differing.count):
            value = &self.differing.values[index]
            same = learned + value.at - known
            if same >= <size_t>(end - block) or memcmp(known, block, same) != 0:
                return False
            values[index] = plain_text(block + same, end, &sizes[index])
            if (
                values[index] == NULL
                or sizes[index] > value.size
                or not is_visible(values[index], sizes[index])
            ):
                return False
            block = values[index] + sizes[index]
            known = learned + value.value_at + value.size
        if known_end - known != end - block or memcmp(known, block, end - block) != 0:
            return False
        fields = list(self.learned_metadata)
        self.head_bytes = self.learned_bytes
        for index in range(self.differing.count):
            self._vary(fields, index, values[index], sizes[index])
        self.metadata = tuple(fields)
        return True

    cdef void _vary(
        self, list fields, int index, const uint8_t* value, size_t size
    ) except *:
        """What is the same as it was stays the same object."""
        cdef const Varying* known = &self.differing.values[index]
        cdef Py_ssize_t place = self.differing.places[index]
        if (
            size == known.size
            and memcmp(PyBytes_AS_STRING(self.block) + known.value_at, value, size) == 0
        ):
            return
        self.head_bytes -= known.size - size
        fields[place] = new_field(
            <str>(<tuple>fields[place])[0], PyUnicode_DecodeASCII(<const char*>value, size, NULL)
        )

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
        self.metadata = self.learned_metadata = tuple(stream.metadata or ())
        self.request_encoding = stream.request_encoding
        self.accepted_encodings = stream.accepted_encodings
        self.timeout_ns = -1 if stream.deadline_ns == 0 else stream.deadline_ns - now_ns
        self.head_bytes = self.learned_bytes = stream.head_bytes
        self.head_fields = stream.head_fields
        self.content_bytes = -1
        memcpy(self.stand_in, FIELDS, STAND_IN_FIELDS)
        self.stand_in_bytes = STAND_IN_FIELDS
        for name, value in self.metadata:
            # nghttp2 holds the body against it.
            if name == "content-length" and not self._stand_for_length(value.encode()):
                return False
        return True

    cdef void let_differ(
        self, const uint8_t* block, size_t size, const Differing* differing
    ) except *:
        """Keeps the octets of what was taken, and which of its values may differ."""
        cdef const Varying* value
        cdef Py_ssize_t place
        cdef int index
        self.block = PyBytes_FromStringAndSize(<const char*>block, size)
        self.differing.count = 0
        for index in range(differing.count):
            value = &differing.values[index]
            place = self._sole_place(block[value.name_at : value.at].decode("latin-1"))
            if place >= 0:
                self.differing.values[self.differing.count] = value[0]
                self.differing.places[self.differing.count] = place
                self.differing.count += 1

    cdef Py_ssize_t _sole_place(self, str name) except -2:
        """Where the only field of that name is; -1 where there is none, or another one."""
        cdef Py_ssize_t found = -1
        cdef Py_ssize_t place
        for place in range(len(self.learned_metadata)):
            if (<tuple>self.learned_metadata[place])[0] == name:
                if found >= 0:
                    return -1
                found = place
        return found

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
        if (<KnownHead>self._known[self._last]).is_found(block, size):
            return <KnownHead>self._known[self._last]
        for index in range(count):
            if index != self._last and (<KnownHead>self._known[index]).is_found(block, size):
                self._last = index
                return <KnownHead>self._known[index]
        return None

    cdef bint is_seen_again(
        self, const uint8_t* block, size_t size, const Differing* differing
    ) noexcept:
        """What comes once is only noted: clients may put something of its own into each head."""
        cdef uint64_t hashed = SEED
        cdef size_t at = 0
        cdef int index
        if size > MOST_BLOCK_BYTES:
            return False
        for index in range(differing.count):
            hashed = octets_hash(hashed, block + at, differing.values[index].at - at)
            at = differing.values[index].value_at + differing.values[index].size
        hashed = octets_hash(hashed, block + at, size - at)
        if self._seen[hashed % KNOWN] == hashed:
            return True
        self._seen[hashed % KNOWN] = hashed
        return False

    cdef void learn(
        self, Stream stream, const uint8_t* block, size_t size, const Differing* differing,
        int64_t now_ns,
    ) except *:
        """A head that nghttp2 has taken, and which has not changed the table."""
        cdef KnownHead head = KnownHead.__new__(KnownHead)
        if not head.take(stream, now_ns):
            return
        head.let_differ(block, size, differing)
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
