"""Compression of messages."""

from typing import Any

def compress(encoding: str, body: bytes) -> bytes: ...
def decompress(encoding: str, body: bytes, max_bytes: int) -> bytes | None:
    """What was compressed; None where it is more than ``max_bytes``, of which no more is inflated.

    Raises:
        ValueError: It is not what ``encoding`` says, or is followed by something.
    """

def name_of(compression: Any) -> str | None:
    """The encoding of a ``grpc.Compression``; None for none.

    Raises:
        ValueError: It is no compression.
    """
