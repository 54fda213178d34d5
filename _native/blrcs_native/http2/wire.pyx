"""What gRPC writes into header fields: time-outs, messages and binary values.

Source: grpc/grpc, doc/PROTOCOL-HTTP2.md.
"""

from binascii import a2b_base64, b2a_base64

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t

cdef enum:
    MAX_TIMEOUT_DIGITS = 8
    # Proxies join fields of one name; a table of HPACK repeats thousands of commas for a byte.
    MAX_BINARY_VALUES = 64

# So far below the end of int64 that it can be added to any clock.
cdef int64_t MAX_TIMEOUT_NS = INT64_MAX // 4

cdef const char* HEX_DIGITS = "0123456789ABCDEF"


cdef int64_t unit_ns(unsigned char unit) noexcept nogil:
    if unit == c"n":
        return 1
    if unit == c"u":
        return 1_000
    if unit == c"m":
        return 1_000_000
    if unit == c"S":
        return 1_000_000_000
    if unit == c"M":
        return 60_000_000_000
    if unit == c"H":
        return 3_600_000_000_000
    return 0


cdef int64_t timeout_ns(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    """Nanoseconds, at most MAX_TIMEOUT_NS; MALFORMED_TIMEOUT where it is none."""
    cdef int64_t number = 0
    cdef int64_t unit
    cdef Py_ssize_t index
    if not 2 <= size <= MAX_TIMEOUT_DIGITS + 1:
        return MALFORMED_TIMEOUT
    for index in range(size - 1):
        if not c"0" <= text[index] <= c"9":
            return MALFORMED_TIMEOUT
        number = number * 10 + (text[index] - c"0")
    unit = unit_ns(text[size - 1])
    if unit == 0:
        return MALFORMED_TIMEOUT
    if number > MAX_TIMEOUT_NS // unit:
        return MAX_TIMEOUT_NS
    return number * unit


cdef bytes percent_encoded(str text):
    # A lone surrogate has no UTF-8; a message is shown rather than lost.
    cdef bytes plain = text.encode("utf-8", "replace")
    cdef const unsigned char* source = <const unsigned char*>PyBytes_AS_STRING(plain)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(plain)
    cdef Py_ssize_t index
    cdef Py_ssize_t escaped = 0
    cdef unsigned char octet
    cdef unsigned char* target
    cdef bytes encoded
    for index in range(size):
        octet = source[index]
        escaped += octet < 0x20 or octet > 0x7E or octet == c"%"
    if escaped == 0:
        return plain
    encoded = PyBytes_FromStringAndSize(NULL, size + 2 * escaped)
    target = <unsigned char*>PyBytes_AS_STRING(encoded)
    for index in range(size):
        octet = source[index]
        if octet < 0x20 or octet > 0x7E or octet == c"%":
            target[0] = c"%"
            target[1] = HEX_DIGITS[octet >> 4]
            target[2] = HEX_DIGITS[octet & 0xF]
            target += 3
        else:
            target[0] = octet
            target += 1
    return encoded


cdef object binary_values(bytes text):
    """The values as a list, or None where one is not base64, or there are too many."""
    values = []
    if text.count(b",") >= MAX_BINARY_VALUES:
        return None
    for part in text.split(b","):
        bare = part.strip(b" \t").rstrip(b"=")
        try:
            values.append(a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True))
        except ValueError:
            return None
    return values


cdef bytes binary_text(bytes value):
    return b2a_base64(value, newline=False).rstrip(b"=")


def parse_timeout(bytes text not None):
    cdef int64_t parsed = timeout_ns(
        <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
    )
    if parsed == MALFORMED_TIMEOUT:
        raise ValueError("not a grpc-timeout")
    return parsed


def encode_message(str text not None):
    return percent_encoded(text)


def decode_binary(bytes text not None):
    values = binary_values(text)
    if values is None:
        raise ValueError("not base64, or too many values")
    return values
