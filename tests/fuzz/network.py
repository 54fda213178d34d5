"""What proxies say of those for whom they connect and call, as targets of fuzzing."""

import ipaddress
from collections.abc import Hashable

from blrcs_native.addresses.client_addresses import ClientAddresses
from blrcs_native.http2.proxy_header import ProxyHeader

PEER = "10.0.0.1"
CLIENT = "1.2.3.4"
CLIENTS = {
    "x-forwarded-for": ClientAddresses(["10.0.0.0/8"], "x-forwarded-for"),
    "forwarded": ClientAddresses(["10.0.0.0/8"], "forwarded"),
}


def read(data: bytes, part_bytes: int) -> tuple[bool, bool, str | None, int]:
    header = ProxyHeader()
    used = 0
    for at in range(0, len(data), part_bytes):
        if header.complete or header.broken:
            break
        used += header.feed(data[at : at + part_bytes])
    return header.complete, header.broken, header.address, used


def proxy_header(data: bytes) -> Hashable:
    """A byte that says how long its parts are, and what a proxy sends first."""
    if not data:
        return None
    complete, broken, address, used = read(data[1:], max(1, len(data)))
    in_parts = read(data[1:], data[0] % 32 + 1)
    assert in_parts[:3] == (complete, broken, address)
    assert not (complete and broken)
    assert address is None or complete
    if not broken:
        assert in_parts[3] == used
    if address not in {None, "unix"}:
        ipaddress.ip_address(str(address))
    return complete, broken, address and address[:1]


def forwarded(data: bytes) -> Hashable:
    """A byte that says which header, and its value."""
    if not data:
        return None
    header = "forwarded" if data[0] % 2 else "x-forwarded-for"
    value = data[1:].decode("latin-1")
    clients = CLIENTS[header]
    found = clients.client([(header, value)], PEER)
    if found is not None:
        ipaddress.ip_address(found)
        assert clients.client([("x-forwarded-for", found)], PEER) in {found, PEER}
    assert clients.client([(header, value)], "1.1.1.1") == "1.1.1.1"
    # What an honest proxy adds is what counts, or the call is refused.
    added = CLIENT if header == "x-forwarded-for" else f"for={CLIENT}"
    assert clients.client([(header, f"{value}, {added}")], PEER) in {CLIENT, None}
    assert clients.client([(header, value), (header, added)], PEER) == CLIENT
    return header, found is None, found == PEER, value.count(",") if found else 0


NETWORK_TARGETS = {"proxy_header": proxy_header, "forwarded": forwarded}
