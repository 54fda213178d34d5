"""What one connection may cost."""

from typing import final

@final
class Limits:
    """The bounds of a connection; immutable, shared by all of a server.

    Args:
        max_receive_bytes: The largest message that is received, as sent and inflated.
        max_send_bytes: The largest message that is sent.
        soft_head_bytes: From this size of a request's head on, 32 bytes counted for each field
            beside its text, a growing share of calls is refused; at most ``hard_head_bytes``.
        hard_head_bytes: Above it all calls are refused.
        max_head_fields: The most fields of a head.
        max_streams: The most calls at once.
        window_bytes: How much of a call's request is sent before any of it is used.
        frame_bytes: The largest frame that is received.
        gathered_bytes: Messages larger than the window are gathered one after another within this.
        unsent_bytes: While more than this waits to be sent, no further call is begun.
        min_ping_interval_ns: Pings without data that come faster are strikes.
        max_ping_strikes: One more ends the connection; 0 for no end.
        pings_without_calls: Whether they may come at this pace where there is no call; else every
            two hours.
        reset_burst, resets_per_s: Calls that may be reset, or have to be, at once and for each
            second; a call that ends well adds one.
        frame_burst, frames_per_s: The same for frames that carry neither call nor data; calls and
            data add some.

    Raises:
        ValueError: One is out of the range that the protocol has for it.
    """

    def __init__(
        self,
        *,
        max_receive_bytes: int = ...,
        max_send_bytes: int = ...,
        soft_head_bytes: int = ...,
        hard_head_bytes: int = ...,
        max_head_fields: int = ...,
        max_streams: int = ...,
        window_bytes: int = ...,
        frame_bytes: int = ...,
        gathered_bytes: int = ...,
        unsent_bytes: int = ...,
        min_ping_interval_ns: int = ...,
        max_ping_strikes: int = ...,
        pings_without_calls: bool = ...,
        reset_burst: int = ...,
        resets_per_s: int = ...,
        frame_burst: int = ...,
        frames_per_s: int = ...,
    ) -> None: ...
    @property
    def max_receive_bytes(self) -> int: ...
    @property
    def max_streams(self) -> int: ...
