"""Fields of heads whose values may be others in heads that are the same but for them.

What clients send anew with each call, such as a trace or an id of the request, comes from some as a
literal that HPACK's table does not take in (RFC 7541, section 6.2.2), with its name and in plain. Such
a field says what stands there, and nothing else of the head depends on it.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

cdef enum:
    MOST_VARYING = 4
    # A length of one octet, for a text that is not coded (section 5.2).
    MOST_VARYING_BYTES = 0x7E


# Where in a block a name begins, and behind it the length of its value; and that length.
cdef struct Varying:
    size_t name_at
    size_t at
    size_t size


cdef inline bint is_named(
    const uint8_t* name, size_t size, const char* text, size_t text_size
) noexcept nogil:
    return size == text_size and memcmp(name, text, size) == 0


cdef inline bint may_vary(const uint8_t* name, size_t size) noexcept nogil:
    """Whether neither nghttp2 nor gRPC looks at the value, and its octets are the value."""
    if size == 0 or name[0] == c":":
        return False
    if size >= 5 and memcmp(name, b"grpc-", 5) == 0:
        return False
    if size >= 4 and memcmp(name + size - 4, b"-bin", 4) == 0:
        return False
    return not (
        is_named(name, size, b"te", 2)
        or is_named(name, size, b"host", 4)
        or is_named(name, size, b"priority", 8)
        or is_named(name, size, b"content-type", 12)
        or is_named(name, size, b"content-length", 14)
    )


cdef inline bint is_visible(const uint8_t* value, size_t size) noexcept nogil:
    """ASCII that is printed or blank, which nobody refuses."""
    cdef size_t i
    cdef bint good = True
    for i in range(size):
        good &= 0x20 <= value[i] <= 0x7E
    return good


cdef inline bint read_varying(
    const uint8_t* block, const uint8_t* name, const uint8_t* end, Varying* varying
) noexcept nogil:
    """Whether a literal that is not indexed may vary, of which the name's length stands here."""
    cdef const uint8_t* value
    if name[0] > MOST_VARYING_BYTES or name[0] >= end - name - 1:
        return False
    value = name + 1 + name[0]
    if value[0] > MOST_VARYING_BYTES or value[0] > end - value - 1:
        return False
    varying.name_at = name + 1 - block
    varying.at = value - block
    varying.size = value[0]
    return may_vary(name + 1, name[0]) and is_visible(value + 1, value[0])
