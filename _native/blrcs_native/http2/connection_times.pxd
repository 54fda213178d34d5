"""The C face of what time brings a connection."""

from libc.stdint cimport int64_t

from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.connection_rules cimport ConnectionRules

cdef enum Due:
    NOTHING
    # It is too late for the client.
    HANDSHAKE_OVERDUE
    HEAD_OVERDUE
    READING_OVERDUE
    PONG_OVERDUE
    # It is time for the server.
    PING
    DRAIN
    LAST_CALL
    ABORT


cdef class ConnectionTimes:
    cdef ConnectionRules _rules
    cdef int64_t _max_age_ns
    cdef int64_t _born_ns
    cdef int64_t read_ns
    # Since when the client has taken nothing of what waits for it; 0 where nothing waits.
    cdef int64_t blocked_ns
    cdef int64_t _pinged_ns
    cdef int64_t drain_began_ns

    cdef Due due(self, Connection connection, bint others_drain, int64_t now_ns) except *
    cdef int64_t next_check(self, Connection connection, int64_t now_ns) except -1
    cdef void pinged(self, int64_t now_ns) noexcept
    cdef int64_t linger_ns(self, Connection connection) noexcept
    cdef Due _overdue(self, Connection connection, int64_t now_ns) noexcept
    cdef Due _keepalive(self, Connection connection, int64_t now_ns) noexcept
    cdef Due _end(self, Connection connection, bint others_drain, int64_t now_ns) noexcept
