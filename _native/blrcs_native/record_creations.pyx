"""The records that a batch creates, read of its request's bytes without a message for each.

Numbers of fields are those of record.proto.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcmp

from blrcs_native.protobuf_wire cimport (
    LENGTH,
    Reader,
    Span,
    is_done,
    next_is,
    read_span,
    reader_of,
    span_of,
    text_of,
)
from blrcs_native.struct_json cimport json_of_span, require_levels

cdef enum:
    BATCH_PARENT = 1
    BATCH_WRITES = 2
    WRITE_CREATE = 1
    CREATION_PARENT = 1
    CREATION_ID = 2
    CREATION_RECORD = 3
    RECORD_DATA = 2


cdef bint is_same(Span one, Span other) noexcept nogil:
    return one.size == other.size and memcmp(one.data, other.data, one.size) == 0


cdef bint read_sole(Span message, int number, Span* field) noexcept nogil:
    """The one field that a message has; False where it has another, or several."""
    cdef Reader reader = reader_of(message.data, message.size)
    return (
        next_is(&reader, number, LENGTH)
        and read_span(&reader, number, field)
        and is_done(&reader)
    )


cdef bint read_creation(Span write, Span parent, Span* record_id, Span* data) noexcept nogil:
    """What a write creates; False where that is not in the parent, or more is said of it."""
    cdef Span creation, within, record
    cdef Reader reader
    if not read_sole(write, WRITE_CREATE, &creation):
        return False
    reader = reader_of(creation.data, creation.size)
    if not next_is(&reader, CREATION_PARENT, LENGTH):
        return False
    if not read_span(&reader, CREATION_PARENT, &within) or not is_same(within, parent):
        return False
    record_id.size = 0
    if next_is(&reader, CREATION_ID, LENGTH) and not read_span(&reader, CREATION_ID, record_id):
        return False
    if not next_is(&reader, CREATION_RECORD, LENGTH):
        return False
    if not read_span(&reader, CREATION_RECORD, &record) or not is_done(&reader):
        return False
    return read_sole(record, RECORD_DATA, data)


def read_creations(bytes request not None, str parent not None, int max_levels):
    require_levels(max_levels)
    try:
        return creations_of(request, parent, max_levels)
    except UnicodeDecodeError:
        return None


cdef tuple creations_of(bytes request, str parent, int max_levels):
    cdef Reader reader = reader_of(
        <const unsigned char*>PyBytes_AS_STRING(request), PyBytes_GET_SIZE(request)
    )
    cdef Span wanted, given, write, record_id, data
    cdef Py_ssize_t size = 0
    cdef list ids = [], texts = [], encoded = []
    wanted.data = <const unsigned char*>PyUnicode_AsUTF8AndSize(parent, &size)
    wanted.size = size
    if not next_is(&reader, BATCH_PARENT, LENGTH) or not read_span(&reader, BATCH_PARENT, &given):
        return None
    if not is_same(given, wanted):
        return None
    while not is_done(&reader):
        if not next_is(&reader, BATCH_WRITES, LENGTH):
            return None
        if not read_span(&reader, BATCH_WRITES, &write):
            return None
        if not read_creation(write, wanted, &record_id, &data):
            return None
        text = json_of_span(data, max_levels)
        if text is None:
            return None
        ids.append(text_of(record_id))
        texts.append(text)
        encoded.append(PyBytes_FromStringAndSize(<const char*>data.data, data.size))
    return ids, texts, encoded
