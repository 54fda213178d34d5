"""Huffman-coded text of heads, remembered: decoding it anew takes longer than finding it."""

from typing import final

@final
class HuffmanCache:
    """At most 1,024 texts of at most 1 KiB each; a new one takes the place of another.

    A text is remembered when it comes for the second time. Not for several threads.
    """

    def __init__(self) -> None: ...
    def decode(self, coded: bytes) -> bytes | None:
        """What a text is read as (RFC 7541, section 5.2); None where it is not remembered."""
