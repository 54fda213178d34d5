"""A google.protobuf.Struct with its members in the order that serializers call deterministic."""

from blrcs_native.encoding.protobuf_wire cimport Span

cdef bint put_in_order(unsigned char* to, Span span, int levels) noexcept nogil
