"""Where calls may come from, and who is believed about it."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from blrcs.config.section import Section

UNIX = "unix"
MAX_NETWORKS = 10_000


@AfterValidator
def _network(text: str) -> str:
    if text != UNIX:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise ValueError(f"{error}, or {UNIX}") from None
    return text


Networks = Annotated[
    tuple[Annotated[str, _network], ...],
    Field(max_length=MAX_NETWORKS),
]
"""Networks in CIDR notation, single addresses, and ``unix`` for peers without an address."""


class AddressLists(Section):
    """Which addresses are served; what is denied is refused even if it is allowed too."""

    allow: Networks = ()
    """Networks that are served, and no other; empty serves all."""
    deny: Networks = ()
    """Networks that are refused."""


class Network(AddressLists):
    """Which addresses the server serves, and which proxies it trusts."""

    trusted_proxies: Networks = ()
    """Networks of proxies that are believed about where their calls come from."""
    forwarded_header: Literal["x-forwarded-for", "forwarded", "none"] = "x-forwarded-for"
    """Where trusted proxies name the client."""
