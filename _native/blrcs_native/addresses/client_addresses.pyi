"""Where calls come from that trusted proxies pass on."""

from collections.abc import Iterable
from typing import Final, Literal, final

from blrcs_native.addresses.address_set import AddressSet
from blrcs_native.calls.interfaces import Metadata

MAX_HOPS: Final[int]

@final
class ClientAddresses:
    """Reads the addresses of clients from what trusted proxies say of them.

    A header names the hops of a call, the nearest last; several headers count as one, in order. The
    client is the nearest hop that is not trusted, or the farthest if all are. Where the peer is not
    trusted, the header is not looked at.

    Args:
        trusted: The networks of the proxies.
        header: ``x-forwarded-for``, or ``forwarded`` (RFC 7239).
    """

    def __init__(
        self, trusted: Iterable[str], header: Literal["x-forwarded-for", "forwarded"]
    ) -> None: ...
    @property
    def trusted(self) -> AddressSet: ...
    @property
    def header(self) -> str: ...
    def client(self, metadata: Metadata, peer: str) -> str | None:
        """The client's address, in its one way to be written; the peer's where no hop is named.

        None where it cannot be told: the hop behind the trusted ones is no address, or more than
        MAX_HOPS are trusted.
        """
