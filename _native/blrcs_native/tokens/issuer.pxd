from blrcs_native.tokens.jws cimport CompactParts


cdef str issuer_in(const unsigned char* text, CompactParts* parts)
