"""The flat table in which rate limit state lies."""

from typing import final

from typing_extensions import Buffer

@final
class LimitTable:
    """A set-associative table in one block of memory; see ``Limiter`` for its parameters."""

    def __init__(
        self,
        capacity_cells: int | None = None,
        *,
        buffer: Buffer | None = None,
        hash_key: bytes | None = None,
    ) -> None: ...
    @property
    def bucket_count(self) -> int: ...
    @property
    def capacity_cells(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """The size of the block: a header of 128 bytes and 512 for each bucket of 8 cells."""
    @property
    def forced_evictions(self) -> int: ...
