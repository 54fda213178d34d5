"""The C face of message compression."""

cdef object ENCODINGS

cdef bytes compressed(str encoding, bytes body)
cdef object decompressed(str encoding, bytes body, Py_ssize_t max_bytes)
cdef str accepted(str encoding, str accepted_encodings)
cdef str encoding_name(object compression)
