"""The records that a request creates, read of its bytes without a message for each.

Numbers of fields are those of record.proto.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memchr, memcmp

from blrcs_native.encoding.protobuf_wire cimport (
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
from blrcs_native.encoding.struct_json cimport json_of_span, require_levels
from blrcs_native.encoding.struct_order cimport put_in_order
from blrcs_native.guards.request_rules cimport is_id, is_record_id

cdef enum:
    BATCH_PARENT = 1
    BATCH_WRITES = 2
    BATCH_MASK = 3
    WRITE_CREATE = 1
    CREATION_PARENT = 1
    CREATION_ID = 2
    CREATION_RECORD = 3
    RECORD_DATA = 2
    LEAST_TOGETHER = 2
    MOST_TOGETHER = 1000


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


cdef bint read_creation(Span creation, Span* within, Span* record_id, Span* data) noexcept nogil:
    """What is created, and where; False where more is said of it."""
    cdef Span record
    cdef Reader reader = reader_of(creation.data, creation.size)
    if not next_is(&reader, CREATION_PARENT, LENGTH):
        return False
    if not read_span(&reader, CREATION_PARENT, within):
        return False
    record_id.size = 0
    if next_is(&reader, CREATION_ID, LENGTH) and not read_span(&reader, CREATION_ID, record_id):
        return False
    if not next_is(&reader, CREATION_RECORD, LENGTH):
        return False
    if not read_span(&reader, CREATION_RECORD, &record) or not is_done(&reader):
        return False
    return read_sole(record, RECORD_DATA, data)


cdef bint read_write(Span write, Span parent, Span* record_id, Span* data) noexcept nogil:
    """What a write creates; False where that is not in the parent, or more is said of it."""
    cdef Span creation, within
    return (
        read_sole(write, WRITE_CREATE, &creation)
        and read_creation(creation, &within, record_id, data)
        and is_same(within, parent)
    )


cdef bint read_batch_parent(Reader* batch, Span* parent) noexcept nogil:
    return next_is(batch, BATCH_PARENT, LENGTH) and read_span(batch, BATCH_PARENT, parent)


cdef inline bint next_is_write(const Reader* batch) noexcept nogil:
    return next_is(batch, BATCH_WRITES, LENGTH)


cdef bint read_next(Reader* batch, Span parent, Span* record_id, Span* data) noexcept nogil:
    """As ``read_write``, of a write that ``next_is_write`` has seen."""
    cdef Span write
    return read_span(batch, BATCH_WRITES, &write) and read_write(write, parent, record_id, data)


cdef bint read_batch_end(Reader* batch, bint* names_only) noexcept nogil:
    """What comes after the writes: nothing, or the mask that names what is returned in any case."""
    cdef Span mask
    names_only[0] = next_is(batch, BATCH_MASK, LENGTH)
    if names_only[0]:
        if not read_span(batch, BATCH_MASK, &mask) or not is_same(mask, span_of(b"\n\x04name", 6)):
            return False
    return is_done(batch)


cdef bint is_segment(Span* rest, const char* kind, Py_ssize_t size) noexcept nogil:
    """``kind`` and an id up to a slash or the end, both taken off ``rest``."""
    cdef const unsigned char* end
    cdef Py_ssize_t length
    if rest.size <= size or memcmp(rest.data, kind, size) != 0:
        return False
    rest.data += size
    rest.size -= size
    end = <const unsigned char*>memchr(rest.data, c"/", rest.size)
    length = rest.size if end == NULL else end - rest.data
    if not is_id(rest.data, length):
        return False
    rest.data += length
    rest.size -= length
    return True


cdef bint is_collection(Span name) noexcept nogil:
    """``^tenants/{id}/collections/{id}$``"""
    cdef Span rest = name
    return (
        is_segment(&rest, b"tenants/", 8)
        and is_segment(&rest, b"/collections/", 13)
        and rest.size == 0
    )


cdef bint is_given_id(Span text) noexcept nogil:
    """An id, or nothing where one is to be made."""
    return text.size == 0 or is_record_id(text.data, text.size)


cdef tuple document_in(Span data, int max_levels):
    """The document's text, and the data in their order; None where they are not read."""
    cdef bytes ordered = PyBytes_FromStringAndSize(NULL, data.size)
    cdef unsigned char* at = <unsigned char*>PyBytes_AS_STRING(ordered)
    if not put_in_order(at, data, max_levels):
        return None
    text = json_of_span(span_of(at, data.size), max_levels)
    return None if text is None else (text, ordered)


def batch_parent(bytes request not None):
    cdef Reader reader = reader_of(
        <const unsigned char*>PyBytes_AS_STRING(request), PyBytes_GET_SIZE(request)
    )
    cdef Span parent, record_id, data
    cdef Py_ssize_t count = 0
    cdef bint names_only
    if not read_batch_parent(&reader, &parent) or not is_collection(parent):
        return None
    while next_is_write(&reader):
        if not read_next(&reader, parent, &record_id, &data) or not is_given_id(record_id):
            return None
        count += 1
    if not read_batch_end(&reader, &names_only):
        return None
    return text_of(parent) if LEAST_TOGETHER <= count <= MOST_TOGETHER else None


def creation_parent(bytes request not None):
    cdef Span parent, record_id, data
    cdef Span whole = span_of(PyBytes_AS_STRING(request), PyBytes_GET_SIZE(request))
    if not read_creation(whole, &parent, &record_id, &data):
        return None
    return text_of(parent) if is_collection(parent) and is_given_id(record_id) else None


def read_creation_request(bytes request not None, int max_levels):
    cdef Span parent, record_id, data
    cdef Span whole = span_of(PyBytes_AS_STRING(request), PyBytes_GET_SIZE(request))
    require_levels(max_levels)
    if not read_creation(whole, &parent, &record_id, &data):
        return None
    document = document_in(data, max_levels)
    if document is None:
        return None
    try:
        return text_of(record_id), *document
    except UnicodeDecodeError:
        return None


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
    cdef Span wanted, given, record_id, data
    cdef Py_ssize_t size = 0
    cdef bint names_only
    cdef list ids = [], texts = [], encoded = []
    wanted.data = <const unsigned char*>PyUnicode_AsUTF8AndSize(parent, &size)
    wanted.size = size
    if not read_batch_parent(&reader, &given) or not is_same(given, wanted):
        return None
    while next_is_write(&reader):
        if not read_next(&reader, wanted, &record_id, &data):
            return None
        document = document_in(data, max_levels)
        if document is None:
            return None
        ids.append(text_of(record_id))
        texts.append(document[0])
        encoded.append(document[1])
    if not read_batch_end(&reader, &names_only):
        return None
    return ids, texts, encoded, bool(names_only)
