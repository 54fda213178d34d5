"""The C face of what a client may send beside calls and data."""

from libc.stdint cimport int64_t

from blrcs_native.http2.abuse cimport Abuse
from blrcs_native.http2.limits cimport Limits
from blrcs_native.nghttp2 cimport nghttp2_frame_hd


cdef struct Bucket:
    double level
    double capacity
    double per_s
    int64_t filled_ns


cdef class FrameBudget:
    cdef Limits _limits
    cdef Bucket _frames
    cdef Bucket _resets
    cdef int64_t _last_ping_ns
    cdef int _ping_strikes

    cdef Abuse charge(self, const nghttp2_frame_hd* head, int64_t now_ns) noexcept
    cdef Abuse ping(self, bint has_calls, int64_t now_ns) noexcept
    cdef Abuse reset_by_peer(self, int64_t now_ns) noexcept
    cdef Abuse reset_provoked(self, int64_t now_ns) noexcept
    cdef void call_begun(self) noexcept
    cdef void call_ended_well(self) noexcept
    cdef void data_received(self) noexcept
    cdef bint call_received(self, int64_t now_ns) noexcept
    cdef void whole_call_answered(self) noexcept
    cdef void answered(self) noexcept
