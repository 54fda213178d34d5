"""Protobuf's wire format, read strictly and written canonically, for native callers.

Readers are functions over a pointer and an end, and do no I/O. They accept what serializers write:
fields in ascending order, each singular one at most once, numbers below 16 (tags of one byte),
varints of the least length. Whatever else protobuf allows is not wrong, but not for them: they
return False, and the caller turns to protobuf itself. So a message is read in straight lines, one
call a field, and is whole where ``is_done`` holds at the end.

Writers put a field where they are told to, and return where it ends; the functions named ``…_size``
say beforehand how many bytes that takes. None needs the GIL but ``text_of``.
"""

from libc.stdint cimport int64_t, uint64_t

cdef enum WireKind:
    VARINT = 0
    LENGTH = 2


cdef struct Span:
    const unsigned char* data  # NULL where the field is absent
    Py_ssize_t size


cdef struct Reader:
    const unsigned char* at
    const unsigned char* end


cdef inline Reader reader_of(const unsigned char* data, Py_ssize_t size) noexcept nogil:
    cdef Reader reader
    reader.at = data
    reader.end = data + size
    return reader


cdef inline bint is_done(const Reader* reader) noexcept nogil:
    return reader.at == reader.end


cdef inline bint next_is(const Reader* reader, int number, WireKind kind) noexcept nogil:
    """Whether the next field has this number and kind."""
    return reader.at < reader.end and reader.at[0] == (number << 3 | kind)


cdef bint read_long_varint(Reader* reader, uint64_t* value) noexcept nogil
cdef Py_ssize_t utf8_length(const unsigned char* data, Py_ssize_t size) noexcept nogil


cdef inline bint read_varint(Reader* reader, uint64_t* value) noexcept nogil:
    if reader.at < reader.end and reader.at[0] < 0x80:
        value[0] = reader.at[0]
        reader.at += 1
        return True
    return read_long_varint(reader, value)


cdef inline bint read_span(Reader* reader, int number, Span* span) noexcept nogil:
    """The bytes of a field that ``next_is`` has seen."""
    cdef uint64_t size = 0
    reader.at += 1
    if not read_varint(reader, &size) or size > <uint64_t>(reader.end - reader.at):
        return False
    span.data = reader.at
    span.size = <Py_ssize_t>size
    reader.at += size
    return True


cdef inline bint read_bytes(Reader* reader, int number, Span* span) noexcept nogil:
    """A field of bytes or of a message, or an empty span where it is absent."""
    span.data = NULL
    span.size = 0
    return not next_is(reader, number, LENGTH) or read_span(reader, number, span)


cdef inline bint read_text(
    Reader* reader, int number, Span* span, Py_ssize_t* length
) noexcept nogil:
    """A string with its length in code points, or an empty one where the field is absent."""
    length[0] = 0
    if not read_bytes(reader, number, span):
        return False
    if span.size:
        length[0] = utf8_length(span.data, span.size)
    return length[0] >= 0


cdef inline bint read_sole_text(
    const unsigned char* body, Py_ssize_t size, Span* span, Py_ssize_t* length
) noexcept nogil:
    """``read_text`` for a message whose only field has the number 1."""
    cdef Reader reader = reader_of(body, size)
    return read_text(&reader, 1, span, length) and is_done(&reader)


cdef inline bint read_number(
    Reader* reader, int number, uint64_t* value, bint* present
) noexcept nogil:
    """An unsigned number, which stays as it is where the field is absent."""
    present[0] = next_is(reader, number, VARINT)
    if not present[0]:
        return True
    reader.at += 1
    return read_varint(reader, value)


cdef inline bint read_flag(Reader* reader, int number, bint* value) noexcept nogil:
    """A bool; absent is False."""
    cdef uint64_t found = 0
    cdef bint present = False
    if not read_number(reader, number, &found, &present) or found > 1:
        return False
    value[0] = found == 1
    return True


cdef inline Span span_of(const void* data, Py_ssize_t size) noexcept nogil:
    cdef Span span
    span.data = <const unsigned char*>data
    span.size = size
    return span


cdef str text_of(Span span)

cdef inline Py_ssize_t varint_size(uint64_t value) noexcept nogil:
    cdef Py_ssize_t size = 1
    while value >= 0x80:
        value >>= 7
        size += 1
    return size


cdef inline Py_ssize_t number_size(uint64_t value) noexcept nogil:
    """Of a field that is left out where it is 0."""
    return 1 + varint_size(value) if value else 0


cdef inline Py_ssize_t bytes_size(Py_ssize_t size) noexcept nogil:
    return 1 + varint_size(<uint64_t>size) + size


cdef inline Py_ssize_t text_size(Py_ssize_t size) noexcept nogil:
    """Of a field that is left out where it is empty."""
    return bytes_size(size) if size else 0


cdef Py_ssize_t instant_size(int64_t time_ns) noexcept nogil

cdef unsigned char* put_varint(unsigned char* at, uint64_t value) noexcept nogil

cdef inline unsigned char* put_number(
    unsigned char* at, int number, uint64_t value
) noexcept nogil:
    """Nothing where the value is 0."""
    if not value:
        return at
    at[0] = <unsigned char>(number << 3 | VARINT)
    return put_varint(at + 1, value)


cdef inline unsigned char* put_length(
    unsigned char* at, int number, Py_ssize_t size
) noexcept nogil:
    """The head of a field of ``size`` bytes, which the caller writes."""
    at[0] = <unsigned char>(number << 3 | LENGTH)
    return put_varint(at + 1, <uint64_t>size)


cdef unsigned char* put_text(unsigned char* at, int number, Span text) noexcept nogil
cdef unsigned char* put_instant(unsigned char* at, int number, int64_t time_ns) noexcept nogil
