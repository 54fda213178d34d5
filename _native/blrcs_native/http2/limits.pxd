"""The C face of a connection's limits."""

from libc.stdint cimport int64_t


cdef class Limits:
    cdef readonly Py_ssize_t max_receive_bytes
    cdef readonly Py_ssize_t max_send_bytes
    cdef readonly Py_ssize_t soft_head_bytes
    cdef readonly Py_ssize_t hard_head_bytes
    cdef readonly int max_head_fields
    cdef readonly int max_streams
    cdef readonly int window_bytes
    cdef readonly int frame_bytes
    cdef readonly Py_ssize_t gathered_bytes
    cdef readonly Py_ssize_t unsent_bytes
    cdef readonly int64_t min_ping_interval_ns
    cdef readonly int max_ping_strikes
    cdef readonly bint pings_without_calls
    cdef readonly int reset_burst
    cdef readonly int resets_per_s
    cdef readonly int frame_burst
    cdef readonly int frames_per_s
