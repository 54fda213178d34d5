"""Headers of the PROXY protocol, version 2, as a proxy writes them."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPECIFIED, TCP4, UDP4, TCP6, UNIX = 0x00, 0x11, 0x12, 0x21, 0x31
CHECKSUM = 0x03


def header(block: bytes, *, command: int = PROXY, kind: int = TCP4, tail: bytes = b"") -> bytes:
    """Of an address block and the attributes behind it."""
    return SIGNATURE + struct.pack(">BBH", command, kind, len(block + tail)) + block + tail


def client_header(client: str, tail: bytes = b"", *, checksum: bool = False) -> bytes:
    """For a client by its address, or ``unix``."""
    if client == "unix":
        kind, block = UNIX, bytes(216)
    else:
        address = ipaddress.ip_address(client)
        kind = TCP4 if address.version == 4 else TCP6
        block = address.packed + address.packed + struct.pack(">HH", 1234, 443)
    if not checksum:
        return header(block, kind=kind, tail=tail)
    blank = header(block, kind=kind, tail=tail + attribute(CHECKSUM, bytes(4)))
    return header(
        block, kind=kind, tail=tail + attribute(CHECKSUM, struct.pack(">I", crc32c(blank)))
    )


def attribute(kind: int, value: bytes) -> bytes:
    """A type-length-value."""
    return struct.pack(">BH", kind, len(value)) + value


def crc32c(octets: bytes) -> int:
    """Castagnoli's, by long division of polynomials, the lowest bit of an octet first."""
    dividend = int("".join(f"{octet:08b}"[::-1] for octet in octets) + "0" * 32, 2)
    dividend ^= 0xFFFFFFFF << (len(octets) * 8)
    divisor = 0x11EDC6F41
    while (shift := dividend.bit_length() - 33) >= 0:
        dividend ^= divisor << shift
    return int(f"{dividend ^ 0xFFFFFFFF:032b}"[::-1], 2)
