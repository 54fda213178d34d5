"""Numbers as protobuf writes them."""


def varint(number: int) -> bytes:
    """Of any length: as many octets as it takes."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])
