"""JSON objects read by one rule: whatever could be read in two ways is refused.

RFC 8259 by orjson, which refuses NaN, infinities, numbers beyond a double, invalid UTF-8, lone
surrogates in text or escapes, a byte order mark, and anything after the value. On top of it:

- the text is one object, without white space around it;
- depth is at most MAX_DEPTH, counted before orjson builds anything;
- no object, at any depth, names a member twice, whichever way the name is escaped.

An integer beyond 64 bits arrives as the nearest float, as I-JSON (RFC 7493) tells senders to
expect. The size is for the caller to cap.
"""

import orjson

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

MAX_DEPTH = 16

cdef enum:
    DEPTH_LIMIT = 16
    TOO_DEEP = -1

cdef object parse = orjson.loads
cdef object ParseError = orjson.JSONDecodeError


cdef dict read_strict_object(bytes text):
    """The object that `text` holds, or None where it is not read."""
    cdef const char* start = PyBytes_AS_STRING(text)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    # Turns most garbage away before orjson raises, which costs more than to parse.
    if size < 2 or start[0] != c"{" or start[size - 1] != c"}":
        return None
    cdef Py_ssize_t written = count_names(start, size)
    if written == TOO_DEEP:
        return None
    try:
        members = parse(text)
    except ParseError:
        return None
    # A name written twice leaves fewer members than names: no two colons share a member.
    return <dict>members if count_members(members) == written else None


cdef Py_ssize_t count_names(const char* text, Py_ssize_t size) noexcept nogil:
    """The colons outside strings, or TOO_DEEP; right for valid JSON, harmless for the rest."""
    cdef Py_ssize_t names = 0
    cdef int depth = 0
    cdef const char* end = text + size
    cdef char character
    while text < end:
        character = text[0]
        text += 1
        if character == c'"':
            while text < end and text[0] != c'"':
                text += 2 if text[0] == c"\\" else 1
            text += 1
        elif character == c":":
            names += 1
        elif character == c"{" or character == c"[":
            depth += 1
            if depth > DEPTH_LIMIT:
                return TOO_DEEP
        elif character == c"}" or character == c"]":
            depth -= 1
    return names


cdef Py_ssize_t count_members(object value):
    """The members of all objects within `value`, itself included."""
    cdef Py_ssize_t count = 0
    if type(value) is dict:
        count = len(<dict>value)
        for item in (<dict>value).values():
            if type(item) is dict or type(item) is list:
                count += count_members(item)
    elif type(value) is list:
        for item in <list>value:
            if type(item) is dict or type(item) is list:
                count += count_members(item)
    return count


def read_object(bytes text not None):
    """The object that `text` holds, or None where the rules of this module refuse it."""
    return read_strict_object(text)
