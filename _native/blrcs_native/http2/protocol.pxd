"""The C face of what drives connections."""

from libc.stdint cimport int64_t

from blrcs_native.http2.abuse cimport Abuse, AbuseCounters
from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.connection_rules cimport ConnectionRules
from blrcs_native.http2.dispatcher cimport Dispatcher
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.timer_wheel cimport Timer
from blrcs_native.http2.tls_session cimport TlsSession

cdef enum:
    # A connection's reads grow from the least by doubling, as long as little work comes of them.
    LEAST_READ_BYTES = 4096
    MAX_READ_DOUBLINGS = 6
    READ_BYTES = LEAST_READ_BYTES << MAX_READ_DOUBLINGS
    WRITE_BYTES = 262144


cdef class ConnectionSet:
    cdef Dispatcher dispatcher
    cdef Limits limits
    cdef ConnectionRules rules
    cdef AbuseCounters abuse
    cdef FieldCache fields
    cdef readonly object closed
    cdef set _drivers
    cdef dict _by_address
    cdef Py_ssize_t _max_connections
    cdef Py_ssize_t _max_per_address
    cdef bint draining
    # One loop reads one connection at a time, so that all can share these.
    cdef bytearray cipher_room
    cdef bytearray plain_room
    cdef list read_views
    cdef object plain_view
    cdef Octets out

    cdef bint admits(self, str address) except -1
    cdef void joined(self, Driver driver) except *
    cdef void left(self, Driver driver) except *


cdef class Driver:
    cdef ConnectionSet _set
    cdef object _context
    cdef object _transport
    cdef object _loop
    cdef TlsSession _tls
    cdef Connection _connection
    cdef Timer _timer
    cdef str _peer
    cdef str _address
    cdef int64_t _born_ns
    cdef int64_t _max_age_ns
    cdef int64_t _drained_ns
    cdef int64_t _drain_began_ns
    cdef int64_t _pinged_ns
    cdef int64_t _read_ns
    cdef int64_t _turn_ns
    cdef int _read_doublings
    cdef int _socket
    cdef bint _queued
    cdef bint _paused
    cdef bint _flush_pending
    cdef bint _resting
    cdef bint _ending
    cdef bint _counted
    cdef object _flush_callback
    cdef object _go_on_callback

    cdef void _open(self, object identity) except *
    cdef void _receive(self, const unsigned char* data, Py_ssize_t size) except *
    cdef bint _receive_tls(self, Py_ssize_t size) except -1
    cdef void _take_turns(self, Py_ssize_t size) except *
    cdef void _rest(self) except *
    cdef void _flush(self) except *
    cdef void _write(self, const unsigned char* data, Py_ssize_t size) except *
    cdef void _send_tls(self) except *
    cdef void _end(self) except *
    cdef int64_t _linger_ns(self) noexcept
    cdef void _drain(self) except *
    cdef void _abort(self) except *
    cdef void _check_times(self) except *
    cdef int64_t _next_check(self, int64_t now_ns) except -1
    cdef void _give_up(self, Abuse kind) except *
