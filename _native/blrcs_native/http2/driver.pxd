"""The C face of what drives a connection."""

from libc.stdint cimport int64_t, uint32_t

from blrcs_native.http2.abuse cimport Abuse
from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.connection_set cimport ConnectionSet, Member
from blrcs_native.http2.connection_times cimport ConnectionTimes, Due
from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.proxy_header cimport ProxyHeader
from blrcs_native.http2.timer_wheel cimport Timer
from blrcs_native.http2.tls_session cimport TlsSession


cdef class Driver(Member):
    cdef ConnectionSet _set
    cdef str _peer
    cdef TlsSession _tls
    # None once it has come, or where none is to.
    cdef ProxyHeader _proxy
    cdef Connection _connection
    cdef ConnectionTimes _times
    cdef Timer _timer
    # What the socket has not taken yet; while there is any, nothing more is made.
    cdef Octets _unsent
    cdef int _read_doublings
    cdef bint _flush_pending
    cdef bint _resting
    cdef bint _ending
    # Until when the client may take what was sent and close, while what it sends is dropped; else 0.
    cdef int64_t _parting_until_ns
    cdef object _flush_callback

    cdef void _open(self, object identity) except *
    cdef void _read(self) except *
    cdef void _refuse_tls(self) except *
    cdef void _worked(self, int64_t used_ns) noexcept
    cdef void _fit_reads(self, Py_ssize_t size, int64_t used_ns) noexcept
    cdef void _receive(self, const unsigned char* data, Py_ssize_t size) except *
    cdef Py_ssize_t _take_proxy_header(self, Py_ssize_t size) except -1
    cdef bint _receive_tls(self, Py_ssize_t start, Py_ssize_t end) except -1
    cdef void _rest(self) except *
    cdef void _flush(self) except *
    cdef bint _may_go_on(self) noexcept
    cdef void _write(self, const unsigned char* data, Py_ssize_t size) except *
    cdef void _write_on(self) except *
    cdef void _send_tls(self) except *
    cdef void _part(self) except *
    cdef void _look_later(self, int64_t now_ns) except *
    cdef bint _has_taken_all(self) noexcept
    cdef void _drop_input(self) except *
    cdef void _end(self) except *
    cdef void _lose_calls(self) except *
    cdef void _leave(self) except *
    cdef void _give_up(self, Abuse kind) except *
    cdef void _check_times(self) except *
    cdef void _carry_out(self, Due due, int64_t now_ns) except *


cdef Driver drive(
    ConnectionSet connections, int descriptor, str peer, str address, object context, bint proxied
)
