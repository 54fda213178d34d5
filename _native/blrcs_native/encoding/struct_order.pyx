"""A google.protobuf.Struct with its members in the order that serializers call deterministic.

Whoever serializes a map may have its members in any order. What is stored has one, that of
protobuf's own deterministic serialization. No length changes with the order, so that a Struct is
copied member by member, and none of it is measured again.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

from blrcs_native.encoding.protobuf_wire cimport (
    LENGTH,
    Reader,
    Span,
    is_done,
    next_is,
    read_span,
    reader_of,
    span_of,
)

cdef enum:
    STRUCT_VALUE = 5
    LIST_VALUE = 6
    FEW = 16
    MOST_LEVELS = 256


cdef struct Member:
    Span name
    Span value
    # All of it, from its tag on.
    Span whole


cdef int compare(const void* one, const void* other) noexcept nogil:
    cdef const Member* a = <const Member*>one
    cdef const Member* b = <const Member*>other
    cdef int order = memcmp(a.name.data, b.name.data, min(a.name.size, b.name.size))
    if order != 0:
        return order
    # A longer one first, as protobuf's own library has it.
    return (a.name.size < b.name.size) - (a.name.size > b.name.size)


cdef bint read_member(Reader* reader, Member* member) noexcept nogil:
    cdef const unsigned char* start = reader.at
    cdef Span within
    cdef Reader of_member
    if not next_is(reader, 1, LENGTH) or not read_span(reader, 1, &within):
        return False
    of_member = reader_of(within.data, within.size)
    if not next_is(&of_member, 1, LENGTH) or not read_span(&of_member, 1, &member.name):
        return False
    if not next_is(&of_member, 2, LENGTH) or not read_span(&of_member, 2, &member.value):
        return False
    member.whole = span_of(start, reader.at - start)
    return is_done(&of_member)


cdef void put_members(Member* members, Py_ssize_t count) noexcept nogil:
    """Sorts them: most are few, or in order already."""
    cdef Py_ssize_t i, j
    cdef Member moved
    if count > FEW:
        qsort(members, count, sizeof(Member), compare)
        return
    for i in range(1, count):
        j = i
        moved = members[i]
        while j > 0 and compare(&members[j - 1], &moved) > 0:
            members[j] = members[j - 1]
            j -= 1
        members[j] = moved


cdef bint put_value(unsigned char* to, Span span, int levels) noexcept nogil:
    """A google.protobuf.Value; what is in it of objects is put in order."""
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Span within
    if next_is(&reader, STRUCT_VALUE, LENGTH):
        if not read_span(&reader, STRUCT_VALUE, &within) or not is_done(&reader):
            return False
        memcpy(to, span.data, within.data - span.data)
        return put_in_order(to + (within.data - span.data), within, levels)
    if next_is(&reader, LIST_VALUE, LENGTH):
        if not read_span(&reader, LIST_VALUE, &within) or not is_done(&reader):
            return False
        memcpy(to, span.data, within.data - span.data)
        return put_list(to + (within.data - span.data), within, levels)
    memcpy(to, span.data, span.size)
    return True


cdef bint put_list(unsigned char* to, Span span, int levels) noexcept nogil:
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Span each
    cdef const unsigned char* start
    if levels == 0:
        return False
    while not is_done(&reader):
        start = reader.at
        if not next_is(&reader, 1, LENGTH) or not read_span(&reader, 1, &each):
            return False
        memcpy(to, start, each.data - start)
        to += each.data - start
        if not put_value(to, each, levels - 1):
            return False
        to += each.size
    return True


cdef Py_ssize_t count_members(Span span) noexcept nogil:
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Span each
    cdef Py_ssize_t count = 0
    while not is_done(&reader):
        if not next_is(&reader, 1, LENGTH) or not read_span(&reader, 1, &each):
            return -1
        count += 1
    return count


cdef bint put_in_order(unsigned char* to, Span span, int levels) noexcept nogil:
    """Writes as many octets as the Struct has; False where it is not read, or has a name twice."""
    cdef Member[FEW] few
    cdef Member* members = few
    cdef Py_ssize_t count = count_members(span)
    cdef bint done
    if count < 0 or levels == 0:
        return False
    if count > FEW:
        members = <Member*>malloc(count * sizeof(Member))
        if members == NULL:
            return False
    done = put_all(to, span, members, count, levels)
    if members != few:
        free(members)
    return done


cdef bint put_all(
    unsigned char* to, Span span, Member* members, Py_ssize_t count, int levels
) noexcept nogil:
    cdef Reader reader = reader_of(span.data, span.size)
    cdef Py_ssize_t i, before
    for i in range(count):
        if not read_member(&reader, &members[i]):
            return False
    put_members(members, count)
    for i in range(count):
        if i > 0 and compare(&members[i - 1], &members[i]) == 0:
            return False
        # The value is the last of a member.
        before = members[i].value.data - members[i].whole.data
        memcpy(to, members[i].whole.data, before)
        if not put_value(to + before, members[i].value, levels - 1):
            return False
        to += members[i].whole.size
    return True


def in_order(bytes encoded not None, int max_levels):
    if not 0 < max_levels <= MOST_LEVELS:
        raise ValueError(f"at least one level and at most {MOST_LEVELS}")
    cdef Span span = span_of(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
    cdef bytes written = PyBytes_FromStringAndSize(NULL, span.size)
    if not put_in_order(<unsigned char*>PyBytes_AS_STRING(written), span, max_levels):
        return None
    return written
