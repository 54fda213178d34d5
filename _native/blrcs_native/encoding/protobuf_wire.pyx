"""Protobuf's wire format, read strictly and written canonically.

The contract of the native face stands in protobuf_wire.pxd, that of what Python sees in its .pyi.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    NS_PER_S = 1_000_000_000
    LAST_SHIFT = 63  # of the tenth byte, which has one bit left

cdef uint64_t HIGH_BITS = 0x8080808080808080ULL


cdef bint read_long_varint(Reader* reader, uint64_t* value) noexcept nogil:
    """A varint of the least length that holds its value; False at its end, and for another."""
    cdef const unsigned char* at = reader.at
    cdef uint64_t total = 0
    cdef int shift = 0
    while at < reader.end:
        total |= <uint64_t>(at[0] & 0x7F) << shift
        if at[0] < 0x80:
            if (at[0] == 0 and shift) or (shift == LAST_SHIFT and at[0] > 1):
                return False
            value[0] = total
            reader.at = at + 1
            return True
        if shift == LAST_SHIFT:
            return False
        shift += 7
        at += 1
    return False


cdef inline int follower_count(unsigned char first, unsigned char second) noexcept nogil:
    """How many bytes follow the first of a sequence, or 0 where the two begin none (RFC 3629)."""
    if second & 0xC0 != 0x80:
        return 0
    if 0xC2 <= first <= 0xDF:
        return 1
    if 0xE0 <= first <= 0xEF:
        # Neither overlong nor a surrogate.
        if (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F):
            return 0
        return 2
    if 0xF0 <= first <= 0xF4:
        # Neither overlong nor above U+10FFFF.
        if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F):
            return 0
        return 3
    return 0


cdef Py_ssize_t utf8_length(const unsigned char* data, Py_ssize_t size) noexcept nogil:
    """The code points of a text, or -1 for what is not UTF-8."""
    cdef Py_ssize_t at = 0, length = 0
    cdef uint64_t eight
    cdef int followers, i
    while at < size:
        if size - at >= 8:
            memcpy(&eight, data + at, 8)
            if not eight & HIGH_BITS:
                at += 8
                length += 8
                continue
        if data[at] < 0x80:
            at += 1
            length += 1
            continue
        followers = 0 if size - at < 2 else follower_count(data[at], data[at + 1])
        if not followers or followers >= size - at:
            return -1
        for i in range(2, followers + 1):
            if data[at + i] & 0xC0 != 0x80:
                return -1
        at += followers + 1
        length += 1
    return length


cdef str text_of(Span span):
    """The text of a span that ``read_text`` gave."""
    return PyUnicode_DecodeUTF8(<const char*>span.data, span.size, NULL) if span.size else ""


cdef inline Py_ssize_t instant_content_size(int64_t time_ns) noexcept nogil:
    return number_size(<uint64_t>(time_ns // NS_PER_S)) + number_size(<uint64_t>(time_ns % NS_PER_S))


cdef Py_ssize_t instant_size(int64_t time_ns) noexcept nogil:
    """Of a google.protobuf.Timestamp, or a Duration that is not negative."""
    return bytes_size(instant_content_size(time_ns))


cdef unsigned char* put_varint(unsigned char* at, uint64_t value) noexcept nogil:
    while value >= 0x80:
        at[0] = <unsigned char>(value & 0x7F | 0x80)
        value >>= 7
        at += 1
    at[0] = <unsigned char>value
    return at + 1


cdef unsigned char* put_text(unsigned char* at, int number, Span text) noexcept nogil:
    """Nothing where it is empty."""
    if not text.size:
        return at
    at = put_length(at, number, text.size)
    memcpy(at, text.data, text.size)
    return at + text.size


cdef unsigned char* put_instant(unsigned char* at, int number, int64_t time_ns) noexcept nogil:
    """A google.protobuf.Timestamp, or a Duration that is not negative, even where it is 0."""
    at = put_length(at, number, instant_content_size(time_ns))
    at = put_number(at, 1, <uint64_t>(time_ns // NS_PER_S))
    return put_number(at, 2, <uint64_t>(time_ns % NS_PER_S))


def read_fields(bytes message not None):
    """Numbers and values of all fields, in their order; None where one is not read strictly.

    Values are ints and bytes. A number may come again, as repeated fields do.
    """
    cdef Reader reader = reader_of(
        <const unsigned char*>PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message)
    )
    cdef list fields = []
    cdef uint64_t value = 0
    cdef Span span
    cdef bint present
    cdef int number, last = 1
    while not is_done(&reader):
        number = reader.at[0] >> 3
        if not last <= number <= 15:
            return None
        last = number
        if next_is(&reader, number, VARINT):
            if not read_number(&reader, number, &value, &present):
                return None
            fields.append((number, value))
        elif next_is(&reader, number, LENGTH):
            if not read_bytes(&reader, number, &span):
                return None
            fields.append((number, span.data[:span.size]))
        else:
            return None
    return fields


def length_of_utf8(bytes text not None, end=None):
    """The code points of a text up to ``end``, or None for what is not UTF-8."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    if end is not None:
        size = min(size, max(0, end))
    length = utf8_length(<const unsigned char*>PyBytes_AS_STRING(text), size)
    return None if length < 0 else length


def write_number(int number, uint64_t value):
    """A field of a number, as serializers write it."""
    cdef bytes written = PyBytes_FromStringAndSize(NULL, number_size(value))
    put_number(<unsigned char*>PyBytes_AS_STRING(written), number, value)
    return written


def write_bytes(int number, bytes text not None):
    """A field of text, as serializers write it."""
    cdef Span span = span_of(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
    cdef bytes written = PyBytes_FromStringAndSize(NULL, text_size(span.size))
    put_text(<unsigned char*>PyBytes_AS_STRING(written), number, span)
    return written


def write_message(int number, bytes message not None):
    """A field of a message, as serializers write it where it is there."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(message)
    cdef bytes written = PyBytes_FromStringAndSize(NULL, bytes_size(size))
    memcpy(
        put_length(<unsigned char*>PyBytes_AS_STRING(written), number, size),
        PyBytes_AS_STRING(message),
        size,
    )
    return written


def write_instant(int number, int64_t time_ns):
    """A field of a Timestamp, as serializers write it."""
    cdef bytes written = PyBytes_FromStringAndSize(NULL, instant_size(time_ns))
    put_instant(<unsigned char*>PyBytes_AS_STRING(written), number, time_ns)
    return written
