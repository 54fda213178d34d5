"""The C face of rejections."""


cdef class Rejection:
    cdef readonly int code
    cdef readonly str stage
    cdef readonly str reason
    cdef readonly str message
    cdef readonly tuple trailers
    # The trailers as a transport sends them, made when they are first sent.
    cdef object packed_trailers
