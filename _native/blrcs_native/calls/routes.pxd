"""The C face of routes."""


cdef class Routes:
    cdef public dict pipelines
