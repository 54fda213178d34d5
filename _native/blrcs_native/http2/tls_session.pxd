"""The C face of TLS sessions."""


cdef class TlsSession:
    cdef object _incoming
    cdef object _feed
    cdef object _read
    cdef object _write
    cdef object _take
    cdef readonly object tls
    cdef readonly bint ready

    cdef bint shake_hands(self) except -1
    cdef void feed(self, object data) except *
    cdef bint has_more(self) except -1
    cdef Py_ssize_t read_into(self, tuple size_and_buffer) except -1
    cdef void write(self, bytes data) except *
    cdef void say_end(self) except *
    cdef bytes outgoing(self)
