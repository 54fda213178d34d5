"""The JSON text of a google.protobuf.Struct, made of its bytes without any object between."""

import orjson

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc, PyMem_RawRealloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from blrcs_native.encoding.protobuf_wire cimport (
    LENGTH,
    VARINT,
    Reader,
    Span,
    is_done,
    next_is,
    read_number,
    read_span,
    reader_of,
    span_of,
)

cdef enum:
    MOST_LEVELS = 256
    NUMBER_TAG = 2 << 3 | 1
    DOUBLE_SIZE = 8
    # Of a value that is not a text, written: 20 digits of a number, with what stands around it.
    SHORT_SIZE = 32
    # Of an octet of a text, as \u001f.
    ESCAPED_SIZE = 6

cdef double MAX_WHOLE = 9007199254740992.0  # 2**53

cdef uint64_t ONES = 0x0101010101010101ULL
cdef uint64_t HIGH_BITS = 0x8080808080808080ULL

cdef object number_text = orjson.dumps

cdef const char* DIGITS = b"0123456789abcdef"


cdef struct Text:
    char* start
    Py_ssize_t size
    Py_ssize_t room


cdef bint grow(Text* text, Py_ssize_t more) noexcept nogil:
    """Has room for so many octets more; False where there is no memory."""
    cdef Py_ssize_t room
    cdef char* moved
    if text.room - text.size >= more:
        return True
    room = 2 * text.room + more
    moved = <char*>PyMem_RawRealloc(text.start, room)
    if moved == NULL:
        return False
    text.start = moved
    text.room = room
    return True


cdef inline void put(Text* text, char character) noexcept nogil:
    text.start[text.size] = character
    text.size += 1


cdef inline void put_all(Text* text, const char* characters, Py_ssize_t size) noexcept nogil:
    memcpy(text.start + text.size, characters, size)
    text.size += size


cdef inline bint is_plain(uint64_t eight) noexcept nogil:
    """Whether none of eight octets is a control character, a quote or a backslash.

    By the borrows that a subtraction leaves in the high bit of an octet; of octets beyond ASCII it
    says nothing but that they are plain.
    """
    cdef uint64_t quotes = eight ^ ONES * c'"'
    cdef uint64_t backslashes = eight ^ ONES * c"\\"
    cdef uint64_t found = (
        (eight - ONES * 0x20) & ~eight
        | (quotes - ONES) & ~quotes
        | (backslashes - ONES) & ~backslashes
    )
    return not found & HIGH_BITS


cdef bint put_string(Text* text, Span span) noexcept nogil:
    """A string with its quotes, escaped as orjson does; False for a NUL, or without memory."""
    cdef Py_ssize_t at = 0
    cdef uint64_t eight
    cdef unsigned char octet
    if not grow(text, ESCAPED_SIZE * span.size + SHORT_SIZE):
        return False
    put(text, c'"')
    while at < span.size:
        if span.size - at >= 8:
            memcpy(&eight, span.data + at, 8)
            if is_plain(eight):
                put_all(text, <const char*>&eight, 8)
                at += 8
                continue
        octet = span.data[at]
        at += 1
        if octet >= 0x20:
            if octet == c'"' or octet == c"\\":
                put(text, c"\\")
            put(text, <char>octet)
        elif not put_control(text, octet):
            return False
    put(text, c'"')
    return True


cdef bint put_control(Text* text, unsigned char octet) noexcept nogil:
    cdef char short = 0
    if octet == 0:
        return False
    if octet == c"\n":
        short = c"n"
    elif octet == c"\t":
        short = c"t"
    elif octet == c"\r":
        short = c"r"
    elif octet == c"\b":
        short = c"b"
    elif octet == c"\f":
        short = c"f"
    put(text, c"\\")
    if short:
        put(text, short)
        return True
    put_all(text, b"u00", 3)
    put(text, DIGITS[octet >> 4])
    put(text, DIGITS[octet & 15])
    return True


cdef void put_whole(Text* text, int64_t number) noexcept nogil:
    cdef char[SHORT_SIZE] digits
    cdef int at = SHORT_SIZE
    cdef uint64_t left = <uint64_t>(-number if number < 0 else number)
    while True:
        at -= 1
        digits[at] = DIGITS[left % 10]
        left //= 10
        if not left:
            break
    if number < 0:
        put(text, c"-")
    put_all(text, &digits[at], SHORT_SIZE - at)


cdef bint put_number(Text* text, double number) except -1:
    """A number, a whole one without a fraction where it is exact; False for what JSON has not."""
    cdef int64_t whole
    cdef bytes written
    if not isfinite(number):
        return False
    if -MAX_WHOLE < number < MAX_WHOLE:
        whole = <int64_t>number
        if <double>whole == number:
            put_whole(text, whole)
            return True
    written = number_text(number)
    put_all(text, PyBytes_AS_STRING(written), PyBytes_GET_SIZE(written))
    return True


cdef bint put_value(Text* text, Span span, int levels) except -1:
    """A google.protobuf.Value, in which may be so many levels; False where it is not read."""
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Span within
    cdef uint64_t number = 0
    cdef double real
    cdef bint present = False
    if not grow(text, SHORT_SIZE) or is_done(&reader):
        return False
    if next_is(&reader, 3, LENGTH):
        if not read_span(&reader, 3, &within) or not put_string(text, within):
            return False
    elif reader.at[0] == NUMBER_TAG:
        if reader.end - reader.at != 1 + DOUBLE_SIZE:
            return False
        memcpy(&real, reader.at + 1, DOUBLE_SIZE)  # what runs this is little-endian, as the wire is
        return put_number(text, real)
    elif next_is(&reader, 4, VARINT):
        if not read_number(&reader, 4, &number, &present) or number > 1:
            return False
        put_all(text, b"true" if number else b"false", 4 if number else 5)
    elif next_is(&reader, 1, VARINT):
        if not read_number(&reader, 1, &number, &present):
            return False
        put_all(text, b"null", 4)
    elif next_is(&reader, 5, LENGTH):
        if not read_span(&reader, 5, &within) or not put_object(text, within, levels):
            return False
    elif next_is(&reader, 6, LENGTH):
        if not read_span(&reader, 6, &within) or not put_list(text, within, levels):
            return False
    else:
        return False
    return is_done(&reader)


cdef bint put_list(Text* text, Span span, int levels) except -1:
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Span each
    cdef bint is_first = True
    if not levels:
        return False
    put(text, c"[")
    while not is_done(&reader):
        if not next_is(&reader, 1, LENGTH) or not read_span(&reader, 1, &each):
            return False
        if not is_first:
            put(text, c",")
        is_first = False
        # Behind every value is room for a comma or what ends the list.
        if not put_value(text, each, levels - 1) or not grow(text, SHORT_SIZE):
            return False
    put(text, c"]")
    return True


cdef bint put_object(Text* text, Span span, int levels) except -1:
    """A google.protobuf.Struct whose members are in the order of their names, each once.

    Some serializers have a name before those that begin with it, others behind them. Either is an
    order in which no name comes twice; both in one object are none.
    """
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Reader member
    cdef Span each, name, value
    cdef Span last = span
    cdef bint is_first = True
    cdef int order
    cdef int longer = 0
    if not levels:
        return False
    put(text, c"{")
    while not is_done(&reader):
        if not next_is(&reader, 1, LENGTH) or not read_span(&reader, 1, &each):
            return False
        member = reader_of(each.data, each.size)
        if not next_is(&member, 1, LENGTH) or not read_span(&member, 1, &name):
            return False
        if not next_is(&member, 2, LENGTH) or not read_span(&member, 2, &value):
            return False
        if not is_done(&member):
            return False
        if not is_first:
            order = memcmp(name.data, last.data, min(name.size, last.size))
            if order == 0 and name.size != last.size:
                order = 1 if name.size > last.size else -1
                if longer + order == 0:
                    return False
                longer = order
            elif order <= 0:
                return False
            put(text, c",")
        is_first = False
        last = name
        if not put_string(text, name):
            return False
        put(text, c":")
        if not put_value(text, value, levels - 1) or not grow(text, SHORT_SIZE):
            return False
    put(text, c"}")
    return True


cdef int require_levels(int max_levels) except -1:
    if not 0 < max_levels <= MOST_LEVELS:
        raise ValueError(f"at least one level and at most {MOST_LEVELS}")
    return 0


def json_of_struct(bytes encoded not None, int max_levels):
    require_levels(max_levels)
    return json_of_span(span_of(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)), max_levels)


cdef object json_of_span(Span span, int max_levels):
    cdef Text text
    text.size = 0
    text.room = span.size + (span.size >> 1) + 2 * SHORT_SIZE
    text.start = <char*>PyMem_RawMalloc(text.room)
    if text.start == NULL:
        raise MemoryError
    try:
        if not put_object(&text, span, max_levels):
            return None
        return PyUnicode_DecodeUTF8(text.start, text.size, NULL)
    except UnicodeDecodeError:
        return None
    finally:
        PyMem_RawFree(text.start)
