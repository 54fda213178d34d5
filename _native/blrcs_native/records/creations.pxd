"""The C face of what reads creations."""

from blrcs_native.encoding.protobuf_wire cimport Span


cdef bint read_creation(Span creation, Span* within, Span* record_id, Span* data) noexcept nogil
cdef bint is_collection(Span name) noexcept nogil
cdef bint is_given_id(Span text) noexcept nogil
cdef tuple document_in(Span data, int max_levels)
