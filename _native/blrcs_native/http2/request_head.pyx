"""What the head of a request says, field by field (grpc/grpc, doc/PROTOCOL-HTTP2.md)."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.wire cimport MALFORMED_TIMEOUT, timeout_ns


cdef inline bint same(
    const uint8_t* data, size_t size, const char* text, size_t text_size
) noexcept nogil:
    return size == text_size and memcmp(data, text, size) == 0


cdef str path_text(object field):
    """The value of a field that is text."""
    return None if field is None or type(field) is list else (<tuple>field)[1]


cdef bint is_grpc_type(const uint8_t* value, size_t size) noexcept nogil:
    """`application/grpc`, alone or with a format of messages behind it."""
    if size < 16 or memcmp(value, b"application/grpc", 16) != 0:
        return False
    return size == 16 or value[16] == c"+" or value[16] == c";"


cdef int read_head_field(
    Stream stream, FieldCache fields, int64_t now_ns, const uint8_t* name, size_t name_size,
    const uint8_t* value, size_t value_size
) except -1:
    """Takes a field into the stream: what gRPC or HTTP means by it, or metadata."""
    cdef int64_t timeout
    if name[0] == c":":
        if same(name, name_size, b":path", 5):
            stream.path = path_text(fields.field(name, name_size, value, value_size, stream.head_fields))
        elif same(name, name_size, b":method", 7):
            stream.is_post = same(value, value_size, b"POST", 4)
        return 0
    if same(name, name_size, b"content-type", 12):
        stream.is_grpc = is_grpc_type(value, value_size)
        return 0
    if name[0] == c"t" and same(name, name_size, b"te", 2):
        return 0
    if name_size > 5 and memcmp(name, b"grpc-", 5) == 0:
        if same(name, name_size, b"grpc-timeout", 12):
            timeout = timeout_ns(value, value_size)
            if timeout == MALFORMED_TIMEOUT:
                stream.head_problem = HEAD_TIMEOUT
            else:
                stream.deadline_ns = now_ns + timeout
            return 0
        if same(name, name_size, b"grpc-accept-encoding", 20):
            stream.accepted_encodings = path_text(
                fields.field(name, name_size, value, value_size, stream.head_fields)
            )
            return 0
        if same(name, name_size, b"grpc-encoding", 13):
            stream.request_encoding = path_text(
                fields.field(name, name_size, value, value_size, stream.head_fields)
            )
            return 0
    field = fields.field(name, name_size, value, value_size, stream.head_fields)
    if stream.metadata is None:
        stream.metadata = []
    if field is None:
        stream.head_problem = HEAD_BINARY
    elif type(field) is list:
        stream.head_fields += len(<list>field) - 1
        (<list>stream.metadata).extend(field)
    else:
        (<list>stream.metadata).append(field)
    return 0
