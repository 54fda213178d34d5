"""A status as literal fields that are not indexed (RFC 7541, section 6.2.2).

They mean the same whatever is in HPACK's table, and leave it as it is. What is refused is told so:
the octets are more than those of fields that the table has, and what they cost is a copy.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

cdef enum:
    NEW_NAME = 0x00
    # A length of one octet is below it (section 5.1).
    LENGTH_MASK = 0x7F

cdef list STATUS_FIELDS = [
    b"\x00\x0bgrpc-status" + bytes([len(text)]) + text
    for text in (str(code).encode() for code in range(17))
]
cdef bytes MESSAGE = b"grpc-message"


cdef inline Py_ssize_t length_size(Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t size = 1
    if length >= LENGTH_MASK:
        length -= LENGTH_MASK
        size += 1
        while length >= 0x80:
            length >>= 7
            size += 1
    return size


cdef inline uint8_t* put_text(uint8_t* at, bytes text) noexcept:
    """Without Huffman's code."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    cdef Py_ssize_t length = size
    if length < LENGTH_MASK:
        at[0] = <uint8_t>length
    else:
        at[0] = LENGTH_MASK
        length -= LENGTH_MASK
        while length >= 0x80:
            at += 1
            at[0] = <uint8_t>(length & 0x7F | 0x80)
            length >>= 7
        at += 1
        at[0] = <uint8_t>length
    at += 1
    memcpy(at, PyBytes_AS_STRING(text), size)
    return at + size


cdef inline uint8_t* put_field(uint8_t* at, bytes name, bytes value) noexcept:
    at[0] = NEW_NAME
    return put_text(put_text(at + 1, name), value)


cdef inline Py_ssize_t field_size(bytes name, bytes value) noexcept:
    cdef Py_ssize_t name_size = PyBytes_GET_SIZE(name), value_size = PyBytes_GET_SIZE(value)
    return 1 + length_size(name_size) + name_size + length_size(value_size) + value_size


cdef Py_ssize_t status_size(Stream stream) noexcept:
    """How many octets `put_status` writes."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(<bytes>STATUS_FIELDS[stream.status])
    if stream.status_message is not None:
        size += field_size(MESSAGE, stream.status_message)
    if stream.trailers is not None:
        for name, value in stream.trailers:
            size += field_size(<bytes>name, <bytes>value)
    return size


cdef uint8_t* put_status(uint8_t* at, Stream stream) noexcept:
    """The code, the message and the trailers; returns their end."""
    cdef bytes code = <bytes>STATUS_FIELDS[stream.status]
    cdef Py_ssize_t size = PyBytes_GET_SIZE(code)
    memcpy(at, PyBytes_AS_STRING(code), size)
    at += size
    if stream.status_message is not None:
        at = put_field(at, MESSAGE, stream.status_message)
    if stream.trailers is not None:
        for name, value in stream.trailers:
            at = put_field(at, <bytes>name, <bytes>value)
    return at
