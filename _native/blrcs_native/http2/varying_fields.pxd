"""Fields of heads whose values may be others in heads that are the same but for them.

What clients send anew with each call, such as a trace or an id of the request, comes from some as a
literal that HPACK's table does not take in (RFC 7541, section 6.2.2), with its name and in plain. Such
a field says what stands there, and nothing else of the head depends on it.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

cdef enum:
    MOST_VARYING = 4
    # So long a text that is not coded has a length of one octet (section 5.2).
    MOST_SHORT_BYTES = 0x7E


# Where in a block a name begins, the length of its value and the value; and how long it is.
cdef struct Varying:
    size_t name_at
    size_t at
    size_t value_at
    size_t size


cdef inline const uint8_t* plain_text(
    const uint8_t* at, const uint8_t* end, size_t* size
) noexcept nogil:
    """Where a text that is not coded begins, of which the length stands here, written in the shortest
    way in up to three octets; NULL for another one, or where it ends behind `end`."""
    if at >= end or at[0] > MOST_SHORT_BYTES + 1:
        return NULL
    size[0] = at[0]
    at += 1
    if size[0] > MOST_SHORT_BYTES:
        if end - at < 2:
            return NULL
        size[0] += at[0] & 0x7F
        if at[0] & 0x80:
            if not 0 < at[1] < 0x80:
                return NULL
            size[0] += <size_t>at[1] << 7
            at += 1
        at += 1
    return at if size[0] <= <size_t>(end - at) else NULL


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
    cdef uint8_t others = 0
    for i in range(size):
        others |= <uint8_t>(value[i] - 0x20) > 0x7E - 0x20
    return others == 0


cdef inline bint read_varying(
    const uint8_t* block, const uint8_t* name, const uint8_t* end, Varying* varying
) noexcept nogil:
    """Whether a literal that is not indexed may vary, of which the name's length stands here."""
    cdef const uint8_t* at
    cdef const uint8_t* value
    if name[0] > MOST_SHORT_BYTES or name[0] >= end - name - 1:
        return False
    at = name + 1 + name[0]
    value = plain_text(at, end, &varying.size)
    if value == NULL:
        return False
    varying.name_at = name + 1 - block
    varying.at = at - block
    varying.value_at = value - block
    return may_vary(name + 1, name[0]) and is_visible(value, varying.size)
