"""The C face of what is counted of abusive peers."""

from libc.stdint cimport int64_t

cdef enum Abuse:
    ACK_FLOOD
    ADDRESS_LIMIT
    CONNECTION_LIMIT
    CONTINUATION_FLOOD
    DECOMPRESSION_BOMB
    EMPTY_DATA_FLOOD
    HEADER_BOMB
    HEADERS_FLOOD
    MESSAGE_BOMB
    PING_FLOOD
    PRIORITY_FLOOD
    PROTOCOL_ERROR
    PROVOKED_RESET
    RAPID_RESET
    SETTINGS_FLOOD
    SLOW_HANDSHAKE
    SLOW_HEADERS
    STALLED_REPLY
    STREAM_LIMIT
    UNKNOWN_FRAME_FLOOD
    WINDOW_UPDATE_FLOOD
    ABUSE_COUNT


cdef class AbuseCounters:
    cdef int64_t _counts[ABUSE_COUNT]
    cdef list _cells

    cdef void count(self, Abuse kind) noexcept


cdef struct Bucket:
    double level
    double capacity
    double per_s
    int64_t filled_ns


cdef inline void bucket_open(
    Bucket* bucket, double capacity, double per_s, int64_t now_ns
) noexcept nogil:
    bucket.level = capacity
    bucket.capacity = capacity
    bucket.per_s = per_s
    bucket.filled_ns = now_ns


cdef inline void bucket_add(Bucket* bucket, double amount) noexcept nogil:
    bucket.level += amount
    if bucket.level > bucket.capacity:
        bucket.level = bucket.capacity


cdef inline bint bucket_take(Bucket* bucket, int64_t now_ns) noexcept nogil:
    """Whether there was one to take."""
    if bucket.level < 1:
        bucket_add(bucket, <double>(now_ns - bucket.filled_ns) / 1e9 * bucket.per_s)
        bucket.filled_ns = now_ns
        if bucket.level < 1:
            return False
    bucket.level -= 1
    return True
