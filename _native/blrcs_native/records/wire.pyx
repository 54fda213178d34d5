"""A blrcs.v1.Record, written as it is stored and read."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from blrcs_native.encoding.protobuf_wire cimport (
    LENGTH,
    Reader,
    Span,
    bytes_size,
    instant_size,
    next_is,
    put_instant,
    put_length,
    put_text,
    read_span,
    reader_of,
    span_of,
    text_size,
)

cdef enum:
    NAME = 1
    DATA = 2
    ETAG = 3
    CREATE_TIME = 4
    UPDATE_TIME = 5
    EXPIRE_TIME = 6

    RESULT_RECORD = 1


cdef inline Span utf8_of(str text):
    cdef Py_ssize_t size = 0
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    return span_of(data, size)


cdef bytes encode_c(
    Span written_name,
    Span written_data,
    Span written_etag,
    int64_t create_time_ns,
    int64_t update_time_ns,
    bint expires,
    int64_t gone_ns,
):
    cdef bytes record = PyBytes_FromStringAndSize(
        NULL,
        text_size(written_name.size)
        + text_size(written_data.size)
        + text_size(written_etag.size)
        + instant_size(create_time_ns)
        + instant_size(update_time_ns)
        + (instant_size(gone_ns) if expires else 0),
    )
    cdef unsigned char* at = <unsigned char*>PyBytes_AS_STRING(record)
    at = put_text(at, NAME, written_name)
    at = put_text(at, DATA, written_data)
    at = put_text(at, ETAG, written_etag)
    at = put_instant(at, CREATE_TIME, create_time_ns)
    at = put_instant(at, UPDATE_TIME, update_time_ns)
    if expires:
        put_instant(at, EXPIRE_TIME, gone_ns)
    return record


def encode_record(
    str name not None,
    bytes data not None,
    str etag not None,
    int64_t create_time_ns,
    int64_t update_time_ns,
    expire_time_ns,
):
    return encode_c(
        utf8_of(name),
        span_of(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)),
        utf8_of(etag),
        create_time_ns,
        update_time_ns,
        expire_time_ns is not None,
        0 if expire_time_ns is None else expire_time_ns,
    )


def encode_records(
    list names not None,
    list data not None,
    str etag not None,
    int64_t time_ns,
    expire_time_ns,
):
    cdef Span written_etag = utf8_of(etag)
    cdef bint expires = expire_time_ns is not None
    cdef int64_t gone_ns = expire_time_ns if expires else 0
    cdef list records = []
    cdef str name
    cdef bytes encoded
    for name, encoded in zip(names, data, strict=True):
        records.append(
            encode_c(
                utf8_of(name),
                span_of(PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)),
                written_etag,
                time_ns,
                time_ns,
                expires,
                gone_ns,
            )
        )
    return records


cdef Py_ssize_t head_size(Span record) except -1:
    """How much of a record its name takes."""
    cdef Reader reader = reader_of(record.data, record.size)
    cdef Span name
    if not next_is(&reader, NAME, LENGTH) or not read_span(&reader, NAME, &name):
        raise ValueError("a record begins with its name")
    return reader.at - record.data


def write_results(list records not None, bint names_only):
    cdef list results = []
    cdef Span shown
    cdef bytes record, result
    for record in records:
        shown = span_of(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record))
        if names_only:
            shown.size = head_size(shown)
        result = PyBytes_FromStringAndSize(NULL, bytes_size(shown.size))
        memcpy(
            put_length(<unsigned char*>PyBytes_AS_STRING(result), RESULT_RECORD, shown.size),
            shown.data,
            shown.size,
        )
        results.append(result)
    return results
