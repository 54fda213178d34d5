"""The network's rules, replaced while the server runs."""

from collections.abc import Callable

from blrcs.config.settings import Settings
from blrcs.interceptors.network import network_parts
from blrcs.transport.native import NativeServer
from blrcs.transport.server import TransportServer
from blrcs_native.addresses.network import CurrentNetwork


class NetworkRules:
    """Puts new rules into effect for the next call, and closes connections that they refuse.

    Args:
        current: What transports and guards go by.
        transport: Has the connections.
    """

    def __init__(self, current: CurrentNetwork, transport: TransportServer) -> None:
        self._current = current
        self._transport = transport

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """See :class:`blrcs.config.reloadable.Reloadable`."""
        if old.network == new.network:
            return lambda: None
        parts = network_parts(new.network)

        def commit() -> None:
            self._current.replace(*parts)
            if isinstance(self._transport, NativeServer):
                self._transport.close_denied()

        return commit
