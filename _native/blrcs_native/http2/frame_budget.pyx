"""What a client may send beside calls and data: frames that carry nothing, pings, and resets.

Each kind is paid for from a bucket that fills with time, and with what the client does that is of
use. NO_ABUSE says that there was enough.
"""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.http2.abuse cimport (
    CONTINUATION_FLOOD, EMPTY_DATA_FLOOD, HEADERS_FLOOD, NO_ABUSE, PING_FLOOD, PRIORITY_FLOOD,
    PROVOKED_RESET, RAPID_RESET, SETTINGS_FLOOD, UNKNOWN_FRAME_FLOOD, WINDOW_UPDATE_FLOOD, Abuse,
)
from blrcs_native.http2.limits cimport Limits
from blrcs_native.nghttp2 cimport (
    NGHTTP2_CONTINUATION, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, NGHTTP2_HEADERS, NGHTTP2_PING,
    NGHTTP2_PRIORITY, NGHTTP2_RST_STREAM, NGHTTP2_SETTINGS, NGHTTP2_WINDOW_UPDATE, nghttp2_frame_hd,
)

cdef enum:
    CALL_IS_WORTH = 9
    DATA_IS_WORTH = 3
    ANSWER_IS_WORTH = 4

cdef int64_t IDLE_PING_INTERVAL_NS = 7_200_000_000_000


cdef void bucket_open(
    Bucket* bucket, double capacity, double per_s, int64_t now_ns
) noexcept nogil:
    bucket.level = capacity
    bucket.capacity = capacity
    bucket.per_s = per_s
    bucket.filled_ns = now_ns


cdef void bucket_add(Bucket* bucket, double amount) noexcept nogil:
    bucket.level += amount
    if bucket.level > bucket.capacity:
        bucket.level = bucket.capacity


cdef bint bucket_take(Bucket* bucket, int64_t now_ns) noexcept nogil:
    """Whether there was one to take."""
    if bucket.level < 1:
        bucket_add(bucket, <double>(now_ns - bucket.filled_ns) / 1e9 * bucket.per_s)
        bucket.filled_ns = now_ns
        if bucket.level < 1:
            return False
    bucket.level -= 1
    return True


cdef Abuse kind_of(const nghttp2_frame_hd* head) noexcept nogil:
    """What too many such frames are; NO_ABUSE for what ends a request."""
    if head.type == NGHTTP2_HEADERS:
        return HEADERS_FLOOD
    if head.type == NGHTTP2_CONTINUATION:
        return CONTINUATION_FLOOD
    if head.type == NGHTTP2_DATA:
        return NO_ABUSE if head.flags & NGHTTP2_FLAG_END_STREAM else EMPTY_DATA_FLOOD
    if head.type == NGHTTP2_SETTINGS:
        return SETTINGS_FLOOD
    if head.type == NGHTTP2_PING:
        return PING_FLOOD
    if head.type == NGHTTP2_WINDOW_UPDATE:
        return WINDOW_UPDATE_FLOOD
    if head.type == NGHTTP2_PRIORITY:
        return PRIORITY_FLOOD
    if head.type == NGHTTP2_RST_STREAM:
        return RAPID_RESET
    return UNKNOWN_FRAME_FLOOD


@cython.final
cdef class FrameBudget:
    def __cinit__(self, Limits limits not None, int64_t now_ns):
        self._limits = limits
        bucket_open(&self._resets, limits.reset_burst, limits.resets_per_s, now_ns)
        bucket_open(&self._frames, limits.frame_burst, limits.frames_per_s, now_ns)

    cdef Abuse charge(self, const nghttp2_frame_hd* head, int64_t now_ns) noexcept:
        """For a frame that has begun."""
        cdef Abuse kind = kind_of(head)
        if kind == NO_ABUSE or bucket_take(&self._frames, now_ns):
            return NO_ABUSE
        return kind

    cdef Abuse ping(self, bint has_calls, int64_t now_ns) noexcept:
        """grpc core's rule on pings: grpc/grpc, doc/keepalive.md."""
        cdef int64_t interval = self._limits.min_ping_interval_ns
        cdef int64_t since = now_ns - self._last_ping_ns
        cdef bint is_first = self._last_ping_ns == 0
        if not has_calls and not self._limits.pings_without_calls:
            interval = IDLE_PING_INTERVAL_NS
        self._last_ping_ns = now_ns
        if is_first or since >= interval:
            return NO_ABUSE
        self._ping_strikes += 1
        if self._limits.max_ping_strikes == 0 or self._ping_strikes <= self._limits.max_ping_strikes:
            return NO_ABUSE
        return PING_FLOOD

    cdef Abuse reset_by_peer(self, int64_t now_ns) noexcept:
        return NO_ABUSE if bucket_take(&self._resets, now_ns) else RAPID_RESET

    cdef Abuse reset_provoked(self, int64_t now_ns) noexcept:
        return NO_ABUSE if bucket_take(&self._resets, now_ns) else PROVOKED_RESET

    cdef void call_begun(self) noexcept:
        bucket_add(&self._frames, CALL_IS_WORTH)

    cdef void call_ended_well(self) noexcept:
        bucket_add(&self._resets, 1)

    cdef void data_received(self) noexcept:
        """What carries something pays for itself, and for others."""
        bucket_add(&self._frames, DATA_IS_WORTH)

    cdef void answered(self) noexcept:
        """As in grpc core, whoever is sent something may ping again."""
        self._ping_strikes = 0
        self._last_ping_ns = 0
        bucket_add(&self._frames, ANSWER_IS_WORTH)

    # What nghttp2 does not tell of.

    cdef bint call_received(self, int64_t now_ns) noexcept:
        """Whether a head could be paid for; else it is not charged."""
        if not bucket_take(&self._frames, now_ns):
            return False
        self.call_begun()
        return True

    cdef void whole_call_answered(self) noexcept:
        """By a head, a message and a status, each in a frame."""
        self.answered()
        bucket_add(&self._frames, 2 * ANSWER_IS_WORTH)
