"""Rows as PostgreSQL's COPY takes them in its binary format.

As https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY describes it: a signature,
then for each row the number of its fields and each with its length, all numbers in network order.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT32_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    COUNT_SIZE = 2
    LENGTH_SIZE = 4
    NUMBER_SIZE = 8
    FLAG_SIZE = 1
    NULL_LENGTH = 0xffffffff
    MOST_FIELDS = 1600

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"


cdef inline uint8_t* put_16(uint8_t* at, uint16_t number) noexcept nogil:
    at[0] = <uint8_t>(number >> 8)
    at[1] = <uint8_t>number
    return at + COUNT_SIZE


cdef inline uint8_t* put_32(uint8_t* at, uint32_t number) noexcept nogil:
    cdef int i
    for i in range(LENGTH_SIZE):
        at[i] = <uint8_t>(number >> (24 - 8 * i))
    return at + LENGTH_SIZE


cdef inline uint8_t* put_64(uint8_t* at, uint64_t number) noexcept nogil:
    cdef int i
    for i in range(NUMBER_SIZE):
        at[i] = <uint8_t>(number >> (56 - 8 * i))
    return at + NUMBER_SIZE


cdef Py_ssize_t octets_of(object value, char kind, const char** data) except -1:
    """How many octets a value has; for texts and octets also where they are."""
    cdef Py_ssize_t size = 0
    if kind == c"t":
        data[0] = PyUnicode_AsUTF8AndSize(<str?>value, &size)
    elif kind == c"o":
        data[0] = PyBytes_AS_STRING(<bytes?>value)
        size = PyBytes_GET_SIZE(<bytes>value)
    elif kind == c"f":
        if value is not True and value is not False:
            raise TypeError(f"{type(value).__name__} is not a flag")
        return FLAG_SIZE
    else:
        return NUMBER_SIZE
    if size > INT32_MAX:
        raise OverflowError("a value is too long")
    return size


cdef uint64_t number_of(object value, char kind) except? 0xffffffff:
    """The octets of a number."""
    cdef double real
    cdef uint64_t octets
    if kind == c"n":
        if not isinstance(value, int):
            raise TypeError(f"{type(value).__name__} is not a whole number")
        return <uint64_t><int64_t>value
    real = value
    memcpy(&octets, &real, NUMBER_SIZE)
    return octets


cdef Py_ssize_t row_size(tuple row, const char* kinds, Py_ssize_t count) except -1:
    """How many octets it takes; the row has so many values."""
    cdef Py_ssize_t size = COUNT_SIZE + LENGTH_SIZE * count
    cdef Py_ssize_t i
    cdef const char* data
    for i in range(count):
        value = <object>PyTuple_GET_ITEM(row, i)
        if value is not None:
            size += octets_of(value, kinds[i], &data)
    return size


cdef uint8_t* put_row(
    uint8_t* at, tuple row, const char* kinds, Py_ssize_t count
) except NULL:
    cdef Py_ssize_t i, size
    cdef const char* data
    at = put_16(at, <uint16_t>count)
    for i in range(count):
        value = <object>PyTuple_GET_ITEM(row, i)
        if value is None:
            at = put_32(at, NULL_LENGTH)
            continue
        size = octets_of(value, kinds[i], &data)
        at = put_32(at, <uint32_t>size)
        if kinds[i] == c"t" or kinds[i] == c"o":
            memcpy(at, data, size)
            at += size
        elif kinds[i] == c"f":
            at[0] = value is True
            at += FLAG_SIZE
        else:
            at = put_64(at, number_of(value, kinds[i]))
    return at


def copy_rows(list rows not None, bytes kinds not None):
    cdef const char* of_columns = PyBytes_AS_STRING(kinds)
    cdef Py_ssize_t count = PyBytes_GET_SIZE(kinds)
    cdef Py_ssize_t size = 0
    cdef uint8_t* at
    cdef tuple row
    if count > MOST_FIELDS or kinds.strip(b"tonrf"):
        raise ValueError(f"{kinds!r} are no kinds of columns")
    # Its own, since what is written afterwards has to be what was measured.
    cdef list measured = list(rows)
    for each in measured:
        if type(each) is not tuple or PyTuple_GET_SIZE(each) != count:
            raise TypeError(f"a row is no tuple of {count} values")
        size += row_size(<tuple>each, of_columns, count)
    cdef bytes written = PyBytes_FromStringAndSize(NULL, size)
    at = <uint8_t*>PyBytes_AS_STRING(written)
    for row in measured:
        at = put_row(at, row, of_columns, count)
    return written
