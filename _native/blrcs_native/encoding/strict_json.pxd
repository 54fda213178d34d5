"""The strict reader of JSON objects, for readers written in Cython."""

cdef dict read_strict_object(bytes text)
