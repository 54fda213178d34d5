"""Drives connections from asyncio's transports."""

import asyncio
import ssl
from collections.abc import Callable
from typing import final

from blrcs_native.http2.abuse import AbuseCounters
from blrcs_native.http2.connection_rules import ConnectionRules
from blrcs_native.http2.dispatcher import Dispatcher
from blrcs_native.http2.limits import Limits

@final
class ConnectionSet:
    """The connections of a server, and all that they share.

    Args:
        dispatcher: Takes their calls.
        limits: What each may cost.
        rules: How long each may take for what.
        abuse: Counts what breaks them.
        max_connections: Further ones are closed at once.
        max_connections_per_address: Likewise from one address.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        limits: Limits,
        rules: ConnectionRules,
        abuse: AbuseCounters,
        *,
        max_connections: int,
        max_connections_per_address: int,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def closed(self) -> asyncio.Event:
        """Set once the set has been told to drain and is empty."""
    def protocol(self, context: Callable[[], ssl.SSLContext] | None) -> asyncio.BaseProtocol:
        """A new connection's protocol; ``context`` gives what its TLS handshake is made with."""
    def drain(self) -> None:
        """Ends each connection when its calls have ended, and refuses new calls retryably."""
    def abort(self) -> None:
        """Cancels the calls that run, and closes all connections once they are told."""
