"""What it costs to match the patterns of a JSON Schema.

The engine's time grows with the text alone, but by how much for each octet is the pattern's doing:
of ``a[ab]{3000}c`` it has to follow thousands of ways at once, at ten microseconds an octet. How
many there can be is seen from the size of the program that the engine makes of the pattern.
"""

import re

import jsonschema_rs

MAX_BYTES = 1 << 20
"""Of one pattern's program, and of what the engine remembers while it matches."""
MAX_BYTES_OF_ALL = 1 << 23
"""Of the programs of a schema's patterns, which every worker keeps."""

SMALL_BYTES = 1 << 9
"""What is not larger is matched in one step an octet, as a part that is none is judged."""
BYTES_A_PART = 1 << 4
"""So much of a larger program costs as much as another part does: measured, for the worst ones."""
BYTES_A_PART_ONE_WAY = 1 << 14

_CLASS = r"\[\^?(?:\\.|[^\[\]\\])+\]"
_ITEM = rf"(?:{_CLASS}|\\(?:[dDwWsS]|[pP]\{{\w+\}}|[^\w\s])|[^\\\[\](){{}}|*+?^$])"
_ONE_WAY = re.compile(rf"\^(?:{_ITEM}(?:\{{\d+\}})?)*(?:{_ITEM}(?:[*+?]|\{{\d+(?:,\d*)?\}}))?\$?")
"""Through these there is one way at most for each text, however large they are."""


def pattern_options(size_bytes: int = MAX_BYTES) -> jsonschema_rs.RegexOptions:
    """The engine whose time grows with the text alone, for programs up to a size."""
    return jsonschema_rs.RegexOptions(size_limit=size_bytes, dfa_size_limit=MAX_BYTES)


class PatternCosts:
    """The patterns of one schema."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._bytes_of_all = 0

    def parts(self, pattern: str) -> int:
        """How many parts of a schema that are none take as long to judge a text, at the worst.

        Raises:
            ValueError: The programs of the schema's patterns are too large together.
        """
        size = self._size_bytes(pattern)
        if size <= SMALL_BYTES:
            return 1
        bytes_a_part = BYTES_A_PART_ONE_WAY if _ONE_WAY.fullmatch(pattern) else BYTES_A_PART
        return max(size // bytes_a_part, 1)

    def _size_bytes(self, pattern: str) -> int:
        """The least power of two that its program fits in; the largest where none does."""
        if pattern in self._sizes:
            return self._sizes[pattern]
        size = SMALL_BYTES
        # What does not fit costs as much as what does: all of it twice as much as the last.
        while size < MAX_BYTES and not _fits(pattern, size):
            size *= 2
        self._sizes[pattern] = size
        self._bytes_of_all += size
        if self._bytes_of_all > MAX_BYTES_OF_ALL:
            raise ValueError(f"has patterns that take more than {MAX_BYTES_OF_ALL} bytes together")
        return size


def _fits(pattern: str, size_bytes: int) -> bool:
    try:
        jsonschema_rs.Draft202012Validator(
            {"pattern": pattern}, offline=True, pattern_options=pattern_options(size_bytes)
        )
    except ValueError:
        return False
    return True
