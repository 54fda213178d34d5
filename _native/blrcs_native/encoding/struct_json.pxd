from blrcs_native.encoding.protobuf_wire cimport Span

cdef int require_levels(int max_levels) except -1

# Of a google.protobuf.Struct's bytes, as ``json_of_struct``; None where it is not read.
cdef object json_of_span(Span span, int max_levels)
