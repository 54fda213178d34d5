"""Which addresses are meant, and which are admitted."""

from collections.abc import Iterable
from typing import Final, final

UNIX: Final[str]
"""Stands for peers that have no address."""

@final
class AddressSet:
    """Addresses, by networks in CIDR notation, IPv4 and IPv6; immutable.

    ``unix`` stands for peers without an address. An IPv4 address is the same where it is mapped
    into IPv6, in the networks as in what is asked for; ``::/0`` holds no IPv4 address.

    Raises:
        ValueError: A text is no network, or has bits set beyond its prefix.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None: ...
    @property
    def texts(self) -> tuple[str, ...]:
        """As given."""
    @property
    def has_unix(self) -> bool: ...
    def __bool__(self) -> bool: ...
    def __contains__(self, address: str) -> bool:
        """Whether it has an address, without its port; a zone behind ``%`` does not count.

        What is no IP address is a peer without one.
        """

@final
class AddressRules:
    """Admits what is allowed and not denied; where nothing is allowed by name, all is.

    Raises:
        ValueError: As for AddressSet.
    """

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None: ...
    @property
    def allow(self) -> AddressSet: ...
    @property
    def deny(self) -> AddressSet: ...
    @property
    def admits_all(self) -> bool:
        """There is no rule."""
    def admits(self, address: str) -> bool: ...
