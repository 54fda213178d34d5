"""The C face of what is counted of abusive peers."""

from libc.stdint cimport int64_t

cdef enum Abuse:
    NO_ABUSE = -1
    ACK_FLOOD = 0
    ADDRESS_DENIED
    ADDRESS_LIMIT
    CONNECTION_LIMIT
    CONTINUATION_FLOOD
    DECOMPRESSION_BOMB
    DESCRIPTOR_LIMIT
    EMPTY_DATA_FLOOD
    HEADER_BOMB
    HEADERS_FLOOD
    MESSAGE_BOMB
    PING_FLOOD
    PRIORITY_FLOOD
    PROTOCOL_ERROR
    PROVOKED_RESET
    PROXY_MALFORMED
    PROXY_UNTRUSTED
    RAPID_RESET
    SETTINGS_FLOOD
    SLOW_BODY
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
