"""What a reply is sent as: a head, and a status in trailers (grpc/grpc, doc/PROTOCOL-HTTP2.md)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from blrcs_native.http2.nghttp2 cimport (
    NGHTTP2_DATA_FLAG_EOF, NGHTTP2_ERR_NOMEM, NGHTTP2_NV_FLAG_NO_COPY_NAME, NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    NGHTTP2_NV_FLAG_NONE, nghttp2_data_provider, nghttp2_data_source,
    nghttp2_data_source_read_callback, nghttp2_extpri,
    nghttp2_nv, nghttp2_session, nghttp2_session_change_extpri_stream_priority,
    nghttp2_submit_response, nghttp2_submit_trailer,
)
from blrcs_native.http2.stream cimport Stream

cdef enum:
    # :status, content-type, grpc-accept-encoding, grpc-encoding, grpc-status, grpc-message
    OWN_FIELDS = 6
    # RFC 9218, section 4.1.
    DEFAULT_URGENCY = 3

cdef uint8_t STATIC = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
cdef list STATUS_TEXTS = [str(code).encode() for code in range(17)]


cdef inline void set_static(
    nghttp2_nv* field, const char* name, size_t name_size, const char* value, size_t value_size
) noexcept nogil:
    field.name = <uint8_t*>name
    field.namelen = name_size
    field.value = <uint8_t*>value
    field.valuelen = value_size
    field.flags = STATIC


cdef inline void set_field(nghttp2_nv* field, bytes name, bytes value) noexcept:
    field.name = <uint8_t*>PyBytes_AS_STRING(name)
    field.namelen = PyBytes_GET_SIZE(name)
    field.value = <uint8_t*>PyBytes_AS_STRING(value)
    field.valuelen = PyBytes_GET_SIZE(value)
    field.flags = NGHTTP2_NV_FLAG_NONE


cdef Py_ssize_t fill_status(nghttp2_nv* fields, Py_ssize_t used, Stream stream) noexcept:
    cdef bytes text = <bytes>STATUS_TEXTS[stream.status]
    set_static(
        &fields[used], b"grpc-status", 11, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
    )
    used += 1
    if stream.status_message is not None:
        set_field(&fields[used], b"grpc-message", stream.status_message)
        used += 1
    return used


cdef int submit_head(
    nghttp2_session* session, Stream stream, bint with_status,
    nghttp2_data_source_read_callback read_output
) except -1:
    """The head of a reply: with the status where there is nothing between, else the rest follows as
    `read_output` gives it. Of one that a stand-in is for nghttp2 is given no more than that."""
    cdef nghttp2_data_provider provider
    cdef list metadata, trailers
    cdef Py_ssize_t count
    cdef nghttp2_nv small[16]
    cdef nghttp2_nv* fields = small
    cdef Py_ssize_t used = 3
    cdef int code
    cdef bytes encoding = None
    if stream.head_stands_in:
        set_static(&fields[0], b":status", 7, b"200", 3)
        provider.source.ptr = <void*>stream
        provider.read_callback = read_output
        code = nghttp2_submit_response(
            session, stream.id, fields, 1, NULL if with_status else &provider
        )
        if code == NGHTTP2_ERR_NOMEM:
            raise MemoryError
        return 0
    metadata = stream.initial_metadata or []
    trailers = (stream.trailers or []) if with_status else []
    count = OWN_FIELDS + len(metadata) + len(trailers)
    if count > 16:
        fields = <nghttp2_nv*>malloc(count * sizeof(nghttp2_nv))
        if fields == NULL:
            raise MemoryError
    set_static(&fields[0], b":status", 7, b"200", 3)
    set_static(&fields[1], b"content-type", 12, b"application/grpc", 16)
    set_static(&fields[2], b"grpc-accept-encoding", 20, b"identity,deflate,gzip", 21)
    if stream.reply_encoding is not None:
        encoding = stream.reply_encoding.encode()
        set_field(&fields[used], b"grpc-encoding", encoding)
        used += 1
    for name, value in metadata:
        set_field(&fields[used], name, value)
        used += 1
    if with_status:
        used = fill_status(fields, used, stream)
        for name, value in trailers:
            set_field(&fields[used], name, value)
            used += 1
        code = nghttp2_submit_response(session, stream.id, fields, used, NULL)
    else:
        provider.source.ptr = <void*>stream
        provider.read_callback = read_output
        code = nghttp2_submit_response(session, stream.id, fields, used, &provider)
    if fields != small:
        free(fields)
    if code == NGHTTP2_ERR_NOMEM:
        raise MemoryError
    return 0


cdef ssize_t read_past(
    nghttp2_session* session, int32_t stream_id, uint8_t* target, size_t room,
    uint32_t* flags, nghttp2_data_source* source, void* user_data
) noexcept:
    cdef Py_ssize_t* rest = <Py_ssize_t*>source.ptr
    cdef Py_ssize_t size = min(<Py_ssize_t>room, rest[0])
    rest[0] -= size
    if rest[0] == 0:
        flags[0] |= NGHTTP2_DATA_FLAG_EOF
    return size


cdef void submit_past(
    nghttp2_session* session, int32_t stream_id, Py_ssize_t* message_bytes
) noexcept:
    """A reply with so many octets, which are counted down as they are given; what they are does not
    matter."""
    cdef nghttp2_data_provider provider
    cdef nghttp2_nv field
    set_static(&field, b":status", 7, b"200", 3)
    provider.source.ptr = message_bytes
    provider.read_callback = read_past
    # What has an end alone needs no room in a window.
    nghttp2_submit_response(
        session, stream_id, &field, 1, &provider if message_bytes[0] > 0 else NULL
    )


cdef void share_connection(nghttp2_session* session, int32_t stream_id) noexcept:
    """Has a reply of several frames take turns with others, which else would wait for its end."""
    cdef nghttp2_extpri priority
    priority.urgency = DEFAULT_URGENCY
    priority.inc = True
    nghttp2_session_change_extpri_stream_priority(session, stream_id, &priority, True)


cdef int submit_trailers(nghttp2_session* session, Stream stream) except -1:
    """The status, behind messages."""
    cdef list trailers = stream.trailers or []
    cdef Py_ssize_t count = 2 + len(trailers)
    cdef nghttp2_nv small[8]
    cdef nghttp2_nv* fields = small
    cdef Py_ssize_t used = 0
    if count > 8:
        fields = <nghttp2_nv*>malloc(count * sizeof(nghttp2_nv))
        if fields == NULL:
            raise MemoryError
    used = fill_status(fields, used, stream)
    for name, value in trailers:
        set_field(&fields[used], name, value)
        used += 1
    nghttp2_submit_trailer(session, stream.id, fields, used)
    if fields != small:
        free(fields)
    return 0


cdef void submit_http_status(
    nghttp2_session* session, int32_t stream_id, bytes http_status
) noexcept:
    """An answer to what is none of gRPC's."""
    cdef nghttp2_nv field
    set_field(&field, b":status", http_status)
    nghttp2_submit_response(session, stream_id, &field, 1, NULL)
