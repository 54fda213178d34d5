"""JSON text written as google.protobuf.Struct, without any object between.

The contract of the native face stands in json_struct.pxd. A message says how long it is before it
says what it is: a byte is left for that, and what is written is moved where it takes more.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

from blrcs_native.encoding.json_reader cimport Text, read_number, skip_byte, skip_space, skip_word
from blrcs_native.encoding.protobuf_wire cimport put_varint, utf8_length, varint_size
from blrcs_native.encoding.struct_json cimport require_levels
from blrcs_native.encoding.struct_tags cimport (
    BOOL_VALUE, DOUBLE_SIZE, ITEM, LIST_VALUE, MEMBER, NAME, NULL_VALUE, NUMBER_VALUE, STRING_VALUE,
    STRUCT_VALUE, VALUE,
)

cdef extern from *:
    int __builtin_ctzll(unsigned long long value) nogil

cdef enum:
    MOST_MEMBERS = 256  # each name of an object may be compared with all before it
    ESCAPE_DIGITS = 4
    SEEN_BITS = 10
    SEEN_WORDS = 16

cdef uint64_t LOW_BITS = 0x0101010101010101ULL
cdef uint64_t HIGH_BITS = 0x8080808080808080ULL
cdef uint64_t QUOTES = 0x2222222222222222ULL
cdef uint64_t BACKSLASHES = 0x5C5C5C5C5C5C5C5CULL
cdef uint64_t SPACES = 0x2020202020202020ULL
cdef uint64_t MIXER = 0x9E3779B97F4A7C15ULL


cdef unsigned char* take(Output* output, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t room
    cdef unsigned char* moved
    if output.room - output.used < size:
        room = 2 * output.room + size
        moved = <unsigned char*>PyMem_RawRealloc(output.start, room)
        if moved == NULL:
            return NULL
        output.start = moved
        output.room = room
    output.used += size
    return output.start + output.used - size


cdef inline Py_ssize_t open_field(Output* output, unsigned char tag) noexcept nogil:
    """Where the content of a field begins, or -1."""
    cdef unsigned char* at = take(output, 2)
    if at == NULL:
        return -1
    at[0] = tag
    return output.used


cdef inline bint close_field(Output* output, Py_ssize_t start) noexcept nogil:
    """What was written since is the field's."""
    cdef Py_ssize_t size = output.used - start
    cdef Py_ssize_t more = varint_size(<uint64_t>size) - 1
    if more:
        if take(output, more) == NULL:
            return False
        memmove(output.start + start + more, output.start + start, size)
    put_varint(output.start + start - 1, <uint64_t>size)
    return True


cdef inline uint64_t zeros_in(uint64_t eight) noexcept nogil:
    """The lowest bit that is set belongs to the first byte that is zero."""
    return (eight - LOW_BITS) & ~eight & HIGH_BITS


cdef const unsigned char* end_of_plain(
    const unsigned char* at, const unsigned char* end, uint64_t* high
) noexcept nogil:
    """The first byte that does not stand for itself in a text, or the end.

    ``high`` has bits where one of more than 7 bits may have come before it.
    """
    cdef uint64_t eight, found
    while end - at >= 8:
        memcpy(&eight, at, 8)
        high[0] |= eight & HIGH_BITS
        found = (
            zeros_in(eight ^ QUOTES)
            | zeros_in(eight ^ BACKSLASHES)
            | ((eight - SPACES) & ~eight & HIGH_BITS)
        )
        if found:
            return at + (__builtin_ctzll(found) >> 3)
        at += 8
    while at < end and at[0] != c'"' and at[0] != c"\\" and at[0] >= c" ":
        high[0] |= at[0] & 0x80
        at += 1
    return at


cdef bint read_plain_text(
    Text* text, const unsigned char** start, Py_ssize_t* size
) noexcept nogil:
    cdef uint64_t high = 0
    if not skip_byte(text, c'"'):
        return False
    start[0] = text.at
    text.at = end_of_plain(text.at, text.end, &high)
    if text.at == text.end or text.at[0] != c'"':
        return False
    size[0] = text.at - start[0]
    text.at += 1
    return not high or utf8_length(start[0], size[0]) >= 0


cdef bint put_text(Text* text, Output* output, unsigned char tag) noexcept nogil:
    """A text behind its first quote."""
    cdef uint64_t high = 0
    cdef const unsigned char* start = text.at
    cdef Py_ssize_t size, begin
    cdef unsigned char* to
    text.at = end_of_plain(start, text.end, &high)
    if text.at == text.end or text.at[0] < c" ":
        return False
    if text.at[0] == c"\\":
        text.at = start
        begin = open_field(output, tag)
        return begin >= 0 and put_escaped_text(text, output) and close_field(output, begin)
    size = text.at - start
    text.at += 1
    if high and utf8_length(start, size) < 0:
        return False
    to = take(output, 1 + varint_size(<uint64_t>size) + size)
    if to == NULL:
        return False
    to[0] = tag
    memcpy(put_varint(to + 1, <uint64_t>size), start, size)
    return True


cdef bint put_escaped_text(Text* text, Output* output) noexcept nogil:
    cdef Py_ssize_t begin = output.used
    cdef uint64_t high = 0
    cdef const unsigned char* start
    cdef unsigned char* to
    while True:
        start = text.at
        text.at = end_of_plain(start, text.end, &high)
        if text.at == text.end or text.at[0] < c" ":
            return False
        to = take(output, text.at - start)
        if to == NULL:
            return False
        memcpy(to, start, text.at - start)
        text.at += 1
        if text.at[-1] == c'"':
            return not high or utf8_length(output.start + begin, output.used - begin) >= 0
        if not put_escape(text, output):
            return False


cdef bint put_escape(Text* text, Output* output) noexcept nogil:
    """What stands behind a backslash."""
    cdef unsigned char byte
    cdef unsigned char* to
    if text.at == text.end:
        return False
    byte = text.at[0]
    text.at += 1
    if byte == c"u":
        return put_code_point(text, output)
    if byte == c"n":
        byte = c"\n"
    elif byte == c"t":
        byte = c"\t"
    elif byte == c"r":
        byte = c"\r"
    elif byte == c"b":
        byte = 0x08
    elif byte == c"f":
        byte = 0x0C
    elif byte != c'"' and byte != c"\\" and byte != c"/":
        return False
    to = take(output, 1)
    if to == NULL:
        return False
    to[0] = byte
    return True


cdef int read_unit(Text* text) noexcept nogil:
    """Four hexadecimal digits, or -1."""
    cdef int unit = 0, i
    cdef unsigned char byte
    if text.end - text.at < ESCAPE_DIGITS:
        return -1
    for i in range(ESCAPE_DIGITS):
        byte = text.at[i]
        if c"0" <= byte <= c"9":
            byte -= c"0"
        elif c"a" <= byte <= c"f":
            byte -= c"a" - 10
        elif c"A" <= byte <= c"F":
            byte -= c"A" - 10
        else:
            return -1
        unit = unit << 4 | byte
    text.at += ESCAPE_DIGITS
    return unit


cdef bint put_code_point(Text* text, Output* output) noexcept nogil:
    """What stands behind ``\\u``: a character of UTF-16."""
    cdef unsigned char* to
    cdef int point = read_unit(text), low
    if point < 0 or 0xDC00 <= point <= 0xDFFF:
        return False
    if 0xD800 <= point <= 0xDBFF:
        if not skip_word(text, b"\\u", 2):
            return False
        low = read_unit(text)
        if not 0xDC00 <= low <= 0xDFFF:
            return False
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00)
    cdef int followers = (point >= 0x80) + (point >= 0x800) + (point >= 0x10000)
    to = take(output, 1 + followers)
    if to == NULL:
        return False
    if not followers:
        to[0] = <unsigned char>point
        return True
    to[0] = <unsigned char>(0xFF00 >> (followers + 1) | point >> 6 * followers)
    while followers:
        followers -= 1
        to += 1
        to[0] = <unsigned char>(0x80 | point >> 6 * followers & 0x3F)
    return True


cdef bint put_number(Text* text, Output* output) noexcept:
    cdef double number = 0
    cdef unsigned char* to
    if not read_number(text, &number):
        return False
    to = take(output, 1 + DOUBLE_SIZE)
    if to == NULL:
        return False
    to[0] = NUMBER_VALUE
    memcpy(to + 1, &number, DOUBLE_SIZE)  # what runs this is little-endian, as the wire is
    return True


cdef inline bint put_flag(Output* output, unsigned char tag, bint value) noexcept nogil:
    cdef unsigned char* to = take(output, 2)
    if to == NULL:
        return False
    to[0] = tag
    to[1] = value
    return True


cdef bint put_value(Text* text, Output* output, int levels) noexcept:
    """A google.protobuf.Value, in which may be so many levels."""
    cdef Py_ssize_t begin
    skip_space(text)
    if text.at == text.end:
        return False
    cdef unsigned char byte = text.at[0]
    if byte == c'"':
        text.at += 1
        return put_text(text, output, STRING_VALUE)
    if byte == c"{":
        begin = open_field(output, STRUCT_VALUE)
        return begin >= 0 and put_object(text, output, levels) and close_field(output, begin)
    if byte == c"[":
        begin = open_field(output, LIST_VALUE)
        return begin >= 0 and put_list(text, output, levels) and close_field(output, begin)
    if byte == c"t":
        return skip_word(text, b"true", 4) and put_flag(output, BOOL_VALUE, True)
    if byte == c"f":
        return skip_word(text, b"false", 5) and put_flag(output, BOOL_VALUE, False)
    if byte == c"n":
        return skip_word(text, b"null", 4) and put_flag(output, NULL_VALUE, False)
    return put_number(text, output)


cdef bint put_list(Text* text, Output* output, int levels) noexcept:
    cdef Py_ssize_t begin
    if levels == 0 or not skip_byte(text, c"["):
        return False
    if skip_byte(text, c"]"):
        return True
    while True:
        begin = open_field(output, ITEM)
        if begin < 0 or not put_value(text, output, levels - 1):
            return False
        if not close_field(output, begin):
            return False
        if skip_byte(text, c"]"):
            return True
        if not skip_byte(text, c","):
            return False


cdef bint put_object(Text* text, Output* output, int levels) noexcept:
    cdef Py_ssize_t begin, start = output.used, count = 0
    cdef uint64_t[SEEN_WORDS] seen
    memset(seen, 0, sizeof(seen))
    if levels == 0 or not skip_byte(text, c"{"):
        return False
    if skip_byte(text, c"}"):
        return True
    while True:
        count += 1
        begin = open_field(output, MEMBER)
        if begin < 0 or count > MOST_MEMBERS or not put_member(text, output, levels):
            return False
        if is_twice(output, start, begin, seen) or not close_field(output, begin):
            return False
        if skip_byte(text, c"}"):
            return True
        if not skip_byte(text, c","):
            return False


cdef inline bint put_member(Text* text, Output* output, int levels) noexcept:
    cdef Py_ssize_t begin
    if not skip_byte(text, c'"') or not put_text(text, output, NAME) or not skip_byte(text, c":"):
        return False
    begin = open_field(output, VALUE)
    return begin >= 0 and put_value(text, output, levels - 1) and close_field(output, begin)


cdef inline const unsigned char* content_of(
    const unsigned char* at, Py_ssize_t* size
) noexcept nogil:
    """Of a field that was written here."""
    cdef int shift = 0
    size[0] = 0
    while True:
        at += 1
        size[0] |= <Py_ssize_t>(at[0] & 0x7F) << shift
        if at[0] < 0x80:
            return at + 1
        shift += 7


cdef inline uint64_t mix(const unsigned char* name, Py_ssize_t size) noexcept nogil:
    """One of the bits of ``seen``."""
    cdef uint64_t first = 0, last = 0
    if size >= 8:
        memcpy(&first, name, 8)
        memcpy(&last, name + size - 8, 8)
    else:
        memcpy(&first, name, size)
    return ((first ^ last * 31) + size) * MIXER >> (64 - SEEN_BITS)


cdef bint is_twice(
    const Output* output, Py_ssize_t start, Py_ssize_t begin, uint64_t* seen
) noexcept nogil:
    """Whether the member that begins here has the name of one since ``start``.

    ``seen`` has a bit for each name before: most differ in theirs, and need no comparing.
    """
    cdef const unsigned char* at = output.start + start
    cdef const unsigned char* last = output.start + begin - 2
    cdef const unsigned char* member
    cdef const unsigned char* other
    cdef Py_ssize_t size = 0, other_size = 0, member_size = 0
    cdef const unsigned char* name = content_of(output.start + begin, &size)
    cdef uint64_t mixed = mix(name, size)
    cdef uint64_t bit = 1ULL << (mixed & 63)
    seen += mixed >> 6
    if not seen[0] & bit:
        seen[0] |= bit
        return False
    while at < last:
        member = content_of(at, &member_size)
        other = content_of(member, &other_size)
        if other_size == size and memcmp(other, name, size) == 0:
            return True
        at = member + member_size
    return False


def struct_of_json(bytes text not None, int max_levels):
    cdef Output output
    cdef Text given
    require_levels(max_levels)
    given.at = <const unsigned char*>PyBytes_AS_STRING(text)
    given.end = given.at + PyBytes_GET_SIZE(text)
    output.start = NULL
    output.room = output.used = 0
    try:
        if not put_object(&given, &output, max_levels):
            return None
        skip_space(&given)
        if given.at != given.end:
            return None
        return PyBytes_FromStringAndSize(<char*>output.start, output.used)
    finally:
        PyMem_RawFree(output.start)
