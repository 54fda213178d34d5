"""The C face of the memory of streams."""


cdef void keep_memory_of(type kind) except *
