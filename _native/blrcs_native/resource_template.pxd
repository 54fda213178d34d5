"""The C face of the resource template, for the authorization guard written in Cython."""


cdef class ResourceTemplate:
    cdef readonly str text
    cdef readonly tuple fields
    cdef readonly bint is_constant
    cdef list _literals
    cdef list _fields

    cdef str render_c(self, object message)
