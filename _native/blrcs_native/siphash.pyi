"""SipHash-2-4 with 128 bits of output."""

def siphash128(data: bytes, key: bytes) -> bytes:
    """The 16-byte hash of ``data`` under a 16-byte key; ValueError for a key of another size."""
