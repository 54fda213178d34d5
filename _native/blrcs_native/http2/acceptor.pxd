"""The C face of acceptors."""

from libc.stdint cimport int64_t, uint32_t

from blrcs_native.http2.connection_set cimport ConnectionSet
from blrcs_native.http2.peer_address cimport sockaddr_storage
from blrcs_native.http2.poller cimport Pollable
from blrcs_native.http2.timer_wheel cimport Timer


cdef class Acceptor(Pollable):
    cdef ConnectionSet _set
    cdef object _listening
    cdef object _context
    cdef object _exhausted
    cdef Timer _timer
    cdef bint _waits
    # Each connection begins by saying for whom it is.
    cdef bint _proxied

    cdef bint _serves(self, const sockaddr_storage* name) except -1
    cdef bint _accept(self) except -1
    cdef bint _failed(self, int error) except -1
    cdef void _wait(self, int error) except *
    cdef void _go_on(self) except *
