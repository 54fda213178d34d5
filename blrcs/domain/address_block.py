"""Addresses, as they are told apart where strangers are counted."""

import ipaddress

IPV6_PREFIX_BITS = 64


def address_block(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the /64 of an IPv6 address; else the text.

    Whoever has one IPv6 address usually has its whole /64 to choose from (RFC 6177, RFC 7421).
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX_BITS), strict=False))
