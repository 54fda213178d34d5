"""What is counted of abusive peers."""

cimport cython

from blrcs_native.monitoring.metrics cimport CounterCell

ABUSES = (
    "ack_flood",
    "address_denied",
    "address_limit",
    "connection_limit",
    "continuation_flood",
    "decompression_bomb",
    "descriptor_limit",
    "empty_data_flood",
    "header_bomb",
    "headers_flood",
    "message_bomb",
    "ping_flood",
    "priority_flood",
    "protocol_error",
    "provoked_reset",
    "proxy_malformed",
    "proxy_untrusted",
    "rapid_reset",
    "settings_flood",
    "slow_body",
    "slow_handshake",
    "slow_headers",
    "stalled_reply",
    "stream_limit",
    "unknown_frame_flood",
    "window_update_flood",
)
assert len(ABUSES) == ABUSE_COUNT


@cython.final
cdef class AbuseCounters:
    def __cinit__(self, counter=None):
        self._cells = None if counter is None else [counter.labels(kind) for kind in ABUSES]

    cdef void count(self, Abuse kind) noexcept:
        self._counts[<int>kind] += 1
        if self._cells is not None:
            (<CounterCell>self._cells[<int>kind]).inc_c(1)

    @property
    def counts(self):
        return {kind: self._counts[index] for index, kind in enumerate(ABUSES)}
