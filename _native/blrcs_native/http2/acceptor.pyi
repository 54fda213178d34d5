"""Accepts the connections of a listening socket."""

import socket
import ssl
from collections.abc import Callable
from typing import final

from blrcs_native.http2.connection_set import ConnectionSet

@final
class Acceptor:
    """Accepts, and has each connection driven, until it is closed.

    Where descriptors or memory run out it waits, and tries again 20 times a second.

    Args:
        connections: Those that are accepted go there, or are closed at once where it is full.
        listening: The socket, which listens already; it is closed with the acceptor.
        context: Gives what a connection's TLS is made with; None for plain text.
        exhausted: Is told each time that nothing can be accepted.
        proxied: Each connection is from a proxy that the network's rules trust, and first says by
            the PROXY protocol for whom it is; others are closed.
    """

    def __init__(
        self,
        connections: ConnectionSet,
        listening: socket.socket,
        context: Callable[[], ssl.SSLContext] | None,
        exhausted: Callable[[OSError], object],
        *,
        proxied: bool = False,
    ) -> None: ...
    def close(self) -> None:
        """Stops listening."""
