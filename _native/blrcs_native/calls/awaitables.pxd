"""The C face of awaitables that are ready."""


cdef class Ready:
    cdef object _value
    cdef object _error


cdef object ready(object value)
cdef object raising(object error)

cdef Ready DONE
