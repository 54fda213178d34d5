"""One HTTP/2 connection of a server, without sockets: bytes in, bytes and calls out."""

from typing import final

from blrcs_native.http2.abuse import AbuseCounters
from blrcs_native.http2.dispatcher import Dispatcher
from blrcs_native.http2.limits import Limits

@final
class Connection:
    """The server's end of a connection (RFC 9113).

    Args:
        dispatcher: Takes the calls.
        limits: What it may cost.
        abuse: Counts what breaks them; None for counters of its own.
        peer: The client as grpc names it, such as ``ipv4:127.0.0.1:1234``.
        peer_address: Its address alone.
        identity: What TLS says of the client; None in plain text.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        limits: Limits,
        abuse: AbuseCounters | None = None,
        *,
        peer: str = "in-memory",
        peer_address: str = "in-memory",
        identity: object = None,
    ) -> None: ...
    @property
    def open_streams(self) -> int: ...
    @property
    def head_is_pending(self) -> bool:
        """Whether a request's head has begun and not ended."""
    @property
    def hidden_calls(self) -> tuple[int, int]:
        """Of calls that nghttp2 has not been shown: how many are open, and the last that has ended,
        0 where it knows of all."""
    def receive(self, data: bytes) -> bool:
        """Takes what the client sent; False when the connection must end."""
    def take(self) -> bytes:
        """All that is ready to be sent."""
    def close(self) -> None:
        """The client is gone: calls that run are cancelled."""
