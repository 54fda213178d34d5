"""Who is believed about where calls come from."""

import ipaddress
from collections.abc import Iterator

from blrcs.config.network import UNIX
from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity


def examine_proxies(settings: Settings) -> Iterator[Finding]:
    """Trust that is so wide that whoever calls can name any address."""
    network = settings.network
    speaks = network.forwarded_header != "none" or settings.server.proxy_protocol != "off"
    everybody = [
        each
        for each in network.trusted_proxies
        if each != UNIX and ipaddress.ip_network(each).prefixlen == 0
    ]
    if speaks and everybody:
        yield Finding(
            check="proxies",
            severity=Severity.CRITICAL,
            key="network.trusted_proxies",
            problem=f"believes everybody in {', '.join(everybody)} about where calls come from: "
            "limits by address and lists of addresses hold nobody",
            remedy="name the networks of the proxies alone",
        )
