"""The C face of pollers."""

from libc.stdint cimport int64_t, uint32_t

cdef extern from "<sys/epoll.h>" nogil:
    enum:
        EPOLLIN
        EPOLLOUT


cdef class Pollable:
    """A socket, and what is done when it is ready."""

    # -1 once it is closed.
    cdef int fd

    cdef void ready(self, uint32_t events) except *
    cdef void send(self) except *
    cdef void broken(self) except *


cdef class Poller:
    cdef int _epoll
    cdef object _loop
    # Those that an event of this step may still name.
    cdef list _gone
    cdef bint _stepping
    # Since when the socket that is told is at work.
    cdef int64_t now_ns
    # Those that have something to send, since when.
    cdef list _senders
    cdef int64_t _held_ns

    cdef void add(self, Pollable pollable, uint32_t events) except *
    cdef void change(self, Pollable pollable, uint32_t events) except *
    cdef void remove(self, Pollable pollable) except *
    cdef void tell(self, Pollable pollable, uint32_t events) except *
    cdef void send_later(self, Pollable pollable) except *
    cdef void _send(self) except *
    cdef void _failed(self, Pollable pollable, object error) except *
    cdef void _control(self, int operation, Pollable pollable, uint32_t events) except *
