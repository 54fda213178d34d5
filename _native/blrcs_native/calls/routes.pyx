"""Which pipeline takes the calls of which method, as the transport reads it."""


cdef class Routes:
    pass
