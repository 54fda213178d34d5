"""How long a connection may take for what."""

cimport cython

SECOND = 1_000_000_000


@cython.final
cdef class ConnectionRules:
    def __init__(
        self,
        *,
        handshake_timeout_ns=20 * SECOND,
        head_timeout_ns=10 * SECOND,
        body_timeout_ns=30 * SECOND,
        min_body_bytes_per_s=240,
        stall_timeout_ns=60 * SECOND,
        keepalive_interval_ns=7_200 * SECOND,
        keepalive_timeout_ns=20 * SECOND,
        keepalive_without_calls=False,
        max_idle_ns=0,
        max_age_ns=0,
        max_age_grace_ns=0,
    ):
        self.handshake_timeout_ns = handshake_timeout_ns
        self.head_timeout_ns = head_timeout_ns
        self.body_timeout_ns = body_timeout_ns
        self.min_body_bytes_per_s = min_body_bytes_per_s
        self.stall_timeout_ns = stall_timeout_ns
        self.keepalive_interval_ns = keepalive_interval_ns
        self.keepalive_timeout_ns = keepalive_timeout_ns
        self.keepalive_without_calls = keepalive_without_calls
        self.max_idle_ns = max_idle_ns
        self.max_age_ns = max_age_ns
        self.max_age_grace_ns = max_age_grace_ns
