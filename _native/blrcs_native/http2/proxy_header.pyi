"""The header of the PROXY protocol, version 2."""

from typing import Final, final

MAX_BYTES: Final[int]
"""The longest that is read, without its first 16 bytes."""

@final
class ProxyHeader:
    """Takes the first bytes of a connection, in any parts, and says where it comes from.

    Source: haproxy/haproxy, doc/proxy-protocol.txt, section 2.2. It is read only from those who are
    trusted to speak it, and then has to be there.
    """

    def feed(self, data: bytes) -> int:
        """How many bytes belong to it; those behind them are the client's."""
    @property
    def complete(self) -> bool: ...
    @property
    def broken(self) -> bool:
        """It is none, and whatever else comes is not to be looked at."""
    @property
    def address(self) -> str | None:
        """The client's, once complete: ``unix`` where it has none, None where the proxy speaks for
        itself."""
