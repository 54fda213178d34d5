"""The C face of a connection's times."""

from libc.stdint cimport int64_t


cdef class ConnectionRules:
    cdef readonly int64_t handshake_timeout_ns
    cdef readonly int64_t head_timeout_ns
    cdef readonly int64_t body_timeout_ns
    cdef readonly int64_t min_body_bytes_per_s
    cdef readonly int64_t stall_timeout_ns
    cdef readonly int64_t keepalive_interval_ns
    cdef readonly int64_t keepalive_timeout_ns
    cdef readonly bint keepalive_without_calls
    cdef readonly int64_t max_idle_ns
    cdef readonly int64_t max_age_ns
    cdef readonly int64_t max_age_grace_ns
