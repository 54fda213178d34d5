"""What a token may be used for, for guards written in Cython."""

cimport cython


@cython.final
cdef class PermissionScope:
    cdef bint _everything
    cdef frozenset _names
    cdef tuple _prefixes

    cdef bint allows_c(self, str permission) except -1


cdef PermissionScope read_scope(tuple patterns)
