"""The connections of a server, and all that they share."""

import asyncio
from typing import final

from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.http2.abuse import AbuseCounters
from blrcs_native.http2.connection_rules import ConnectionRules
from blrcs_native.http2.dispatcher import Dispatcher
from blrcs_native.http2.limits import Limits

@final
class ConnectionSet:
    """What a server's acceptors fill; it belongs to the running event loop until it is closed.

    Args:
        dispatcher: Takes the calls of all connections.
        limits: What each connection may cost.
        rules: How long each may take for what.
        abuse: Counts what breaks them.
        max_connections: Further ones are closed at once.
        max_connections_per_address: Likewise from one address.
        network: Which addresses are served; None for all.
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
        network: CurrentNetwork | None = None,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def closed(self) -> asyncio.Event:
        """Set once the set has been told to drain and is empty."""
    def close_denied(self) -> None:
        """Closes connections from addresses that are not served any more."""
    def drain(self) -> None:
        """Ends each connection when its calls have ended, and refuses new calls retryably."""
    def abort(self) -> None:
        """Cancels the calls that run, and closes all connections once they are told."""
    def close(self) -> None:
        """Closes what is still open, whether it has been told or not, and leaves the loop."""
