"""How long a connection may take for what."""

from typing import final

@final
class ConnectionRules:
    """Times of a connection in nanoseconds; 0 stands for no bound. Immutable.

    Args:
        handshake_timeout_ns: From its beginning to the client's SETTINGS, TLS included.
        head_timeout_ns: From the first byte of a request's head to its last.
        body_timeout_ns: In each such period a client that owes a part of a message has to send at
            ``min_body_bytes_per_s``.
        stall_timeout_ns: How long a reply may wait for the client to take more of it.
        keepalive_interval_ns: After so long without a byte from the client, it is pinged.
        keepalive_timeout_ns: How long the answer may take.
        keepalive_without_calls: Whether a connection without calls is pinged too.
        max_idle_ns: A connection without calls for so long is drained.
        max_age_ns: A connection of this age is drained; a tenth more or less, by chance.
        max_age_grace_ns: How long its calls may go on then.
    """

    def __init__(
        self,
        *,
        handshake_timeout_ns: int = ...,
        head_timeout_ns: int = ...,
        body_timeout_ns: int = ...,
        min_body_bytes_per_s: int = ...,
        stall_timeout_ns: int = ...,
        keepalive_interval_ns: int = ...,
        keepalive_timeout_ns: int = ...,
        keepalive_without_calls: bool = ...,
        max_idle_ns: int = ...,
        max_age_ns: int = ...,
        max_age_grace_ns: int = ...,
    ) -> None: ...
