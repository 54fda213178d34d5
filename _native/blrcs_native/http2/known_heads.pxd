"""The C face of the heads that a connection has had before."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.varying_fields cimport MOST_VARYING, Varying

cdef enum:
    KNOWN = 4
    MOST_BLOCK_BYTES = 1024
    # The pseudo-header fields that nghttp2 wants, and a length.
    MOST_STAND_IN_BYTES = 32
    STAND_IN_FIELDS = 6

# :method POST, :scheme http, :path / and an :authority of one letter (RFC 7541, appendix A).
cdef const uint8_t* FIELDS


# What may differ in a block: so many values, and in which places of the metadata they are.
cdef struct Differing:
    int count
    Varying values[MOST_VARYING]
    Py_ssize_t places[MOST_VARYING]


cdef class KnownHead:
    cdef bytes block
    cdef Differing differing
    # As they were learned; `metadata` and `head_bytes` are those of the head that was found last.
    cdef tuple learned_metadata
    cdef Py_ssize_t learned_bytes
    cdef uint8_t stand_in[MOST_STAND_IN_BYTES]
    cdef size_t stand_in_bytes
    cdef str path
    cdef tuple metadata
    cdef str request_encoding
    cdef str accepted_encodings
    cdef int64_t timeout_ns
    # -1 where the head says nothing of it.
    cdef int64_t content_bytes
    cdef Py_ssize_t head_bytes
    cdef int head_fields

    cdef bint is_found(self, const uint8_t* block, size_t size) except -1
    cdef bint _differs_where_it_may(self, const uint8_t* block, size_t size) except -1
    cdef void _vary(
        self, list fields, int index, const uint8_t* value, size_t size
    ) except *
    cdef bint take(self, Stream stream, int64_t now_ns) except -1
    cdef void let_differ(
        self, const uint8_t* block, size_t size, const Differing* differing
    ) except *
    cdef Py_ssize_t _sole_place(self, str name) except -2
    cdef bint _stand_for_length(self, bytes digits) except -1
    cdef void give(self, Stream stream, int64_t now_ns) except *


cdef class KnownHeads:
    cdef list _known
    cdef Py_ssize_t _last
    cdef Py_ssize_t _oldest
    cdef uint64_t _seen[KNOWN]

    cdef KnownHead find(self, const uint8_t* block, size_t size)
    cdef bint is_seen_again(
        self, const uint8_t* block, size_t size, const Differing* differing
    ) noexcept
    cdef void learn(
        self, Stream stream, const uint8_t* block, size_t size, const Differing* differing,
        int64_t now_ns,
    ) except *
    cdef void forget(self) noexcept
