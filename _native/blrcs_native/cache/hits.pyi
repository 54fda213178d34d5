"""How often copies of cache entries answered, counted where another process can read it."""

from typing import final

from typing_extensions import Buffer

@final
class CacheHits:
    """Numbers in shared memory: one process counts, any may read, and what is counted stays.

    Raises:
        ValueError: for a buffer that is not aligned to 8 bytes.
        BufferError: for one that is read-only or not contiguous.
    """

    def __init__(self, buffer: Buffer) -> None: ...
    @property
    def count(self) -> int:
        """How many numbers there are."""
    def __getitem__(self, column: int, /) -> int:
        """A number; IndexError beyond the last."""
