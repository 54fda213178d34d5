"""Hands what clients send to nghttp2, heads with the texts in plain that were decoded before."""

from typing import final

from blrcs_native.http2.huffman_cache import HuffmanCache

@final
class PlainHeads:
    """What one client sends, from its first octet on. The cache is shared by those of one thread.

    What it does with a connection's bytes has a native face alone.
    """

    def __init__(self, texts: HuffmanCache) -> None: ...
    def rewrite(self, frame: bytes) -> bytes | None:
        """A frame that says the same to HPACK; None for what goes through as it came.

        Raises:
            ValueError: It is not one whole frame.
        """
