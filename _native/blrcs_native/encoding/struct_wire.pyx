"""A google.protobuf.Struct's bytes, made of a document without any message between.

They are written from their end, so that what has to say how long it is comes when that is known.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from blrcs_native.encoding.protobuf_wire cimport put_varint, varint_size
from blrcs_native.encoding.struct_tags cimport (
    BOOL_VALUE, DOUBLE_SIZE, ITEM, LIST_VALUE, MEMBER, NAME, NULL_VALUE, NUMBER_VALUE, STRING_VALUE,
    STRUCT_VALUE, VALUE,
)

cdef enum:
    MOST_LEVELS = 256
    FIRST_ROOM = 1024


# What is written stands at the end of the room.
cdef struct Room:
    unsigned char* start
    Py_ssize_t size
    Py_ssize_t used
    int max_levels


cdef unsigned char* take(Room* room, Py_ssize_t size) except NULL:
    """So many bytes before what is written."""
    cdef Py_ssize_t larger
    cdef unsigned char* moved
    if room.size - room.used < size:
        larger = 2 * room.size + size
        moved = <unsigned char*>PyMem_RawMalloc(larger)
        if moved == NULL:
            raise MemoryError
        memcpy(moved + larger - room.used, room.start + room.size - room.used, room.used)
        PyMem_RawFree(room.start)
        room.start = moved
        room.size = larger
    room.used += size
    return room.start + room.size - room.used


cdef int put_head(Room* room, unsigned char tag, Py_ssize_t size) except -1:
    """What comes before a field of so many bytes, which are written already."""
    cdef unsigned char* at = take(room, 1 + varint_size(<uint64_t>size))
    at[0] = tag
    put_varint(at + 1, <uint64_t>size)
    return 0


cdef int put_text(Room* room, unsigned char tag, str text) except -1:
    cdef Py_ssize_t size = 0
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    memcpy(take(room, size), data, size)
    return put_head(room, tag, size)


cdef int put_number(Room* room, double number) except -1:
    cdef unsigned char* at = take(room, 1 + DOUBLE_SIZE)
    at[0] = NUMBER_VALUE
    memcpy(at + 1, &number, DOUBLE_SIZE)  # what runs this is little-endian, as the wire is
    return 0


cdef int put_flag(Room* room, unsigned char tag, bint value) except -1:
    cdef unsigned char* at = take(room, 2)
    at[0] = tag
    at[1] = value
    return 0


cdef int put_value(Room* room, object value, int levels, bint ordered) except -1:
    """A google.protobuf.Value, in which may be so many levels."""
    cdef Py_ssize_t before = room.used
    kind = type(value)
    if kind is str:
        return put_text(room, STRING_VALUE, <str>value)
    if kind is float:
        return put_number(room, PyFloat_AS_DOUBLE(value))
    if kind is bool:
        return put_flag(room, BOOL_VALUE, value is True)
    if kind is int:
        return put_number(room, exactly(value))
    if value is None:
        return put_flag(room, NULL_VALUE, False)
    if kind is list:
        put_list(room, <list>value, levels, ordered)
        return put_head(room, LIST_VALUE, room.used - before)
    if kind is dict:
        put_object(room, <dict>value, levels, ordered)
        return put_head(room, STRUCT_VALUE, room.used - before)
    raise TypeError(f"JSON has nothing of type {kind.__name__}")


cdef double exactly(object value) except? -1:
    try:
        number = float(value)
    except OverflowError:
        number = None
    if number is None or int(number) != value:
        raise ValueError(f"has {value}, which 64 bits of floating point do not hold exactly")
    return number


cdef int put_list(Room* room, list values, int levels, bint ordered) except -1:
    cdef Py_ssize_t before
    require(room, levels)
    for value in reversed(values):
        before = room.used
        put_value(room, value, levels - 1, ordered)
        put_head(room, ITEM, room.used - before)
    return 0


cdef int put_object(Room* room, dict members, int levels, bint ordered) except -1:
    require(room, levels)
    if ordered:
        for name in sorted(members, key=place_of, reverse=True):
            put_member(room, name, members[name], levels, ordered)
    else:
        for name, value in reversed(members.items()):
            put_member(room, name, value, levels, ordered)
    return 0


cdef int put_member(Room* room, object name, object value, int levels, bint ordered) except -1:
    cdef Py_ssize_t before = room.used
    if type(name) is not str:
        raise TypeError("the name of a member is a text")
    put_value(room, value, levels - 1, ordered)
    put_head(room, VALUE, room.used - before)
    put_text(room, NAME, <str>name)
    return put_head(room, MEMBER, room.used - before)


cdef int require(Room* room, int levels) except -1:
    if not levels:
        raise ValueError(
            f"has more than {room.max_levels} objects and lists within each other"
        )
    return 0


def place_of(name):
    """As protobuf's own serializer has it: behind those that begin with it."""
    return name.encode() + b"\xff"


def struct_of(dict document not None, int max_levels, *, bint ordered=False):
    cdef Room room
    if not 0 < max_levels <= MOST_LEVELS:
        raise ValueError(f"at least one level and at most {MOST_LEVELS}")
    room.size = FIRST_ROOM
    room.used = 0
    room.max_levels = max_levels
    room.start = <unsigned char*>PyMem_RawMalloc(FIRST_ROOM)
    if room.start == NULL:
        raise MemoryError
    try:
        put_object(&room, document, max_levels, ordered)
        return PyBytes_FromStringAndSize(
            <char*>room.start + room.size - room.used, room.used
        )
    finally:
        PyMem_RawFree(room.start)
