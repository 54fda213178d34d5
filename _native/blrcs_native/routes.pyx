"""Which pipeline takes the calls of which method, where the transport finds it without a look-up."""


cdef class Routes:
    pass
