"""The port of indexes that are built or dropped while records are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from blrcs.domain.record_name import CollectionKey


@dataclass(frozen=True, slots=True)
class IndexStep:
    """What was done.

    Attributes:
        etag: The collection's after it.
        has_more: Whether there is something to be done at once.
    """

    etag: str
    has_more: bool


class IndexBuilds(Protocol):
    """Builds and drops indexes in bounded steps, each of which is there as a whole or not at all.

    A step goes on where the last one has ended, whoever took that.
    """

    async def pending(self) -> Sequence[CollectionKey]:
        """Collections with something to be done, a bounded number of them."""
        ...

    async def step(self, key: CollectionKey, *, holder: str, outlived: str) -> IndexStep | None:
        """Does some of it; None where there is nothing to do, or somebody else does it.

        Args:
            key: The collection's.
            holder: Who does it. Others leave the collection alone until a while after that.
            outlived: An etag of the collection, so old that no read goes by one before it.
        """
        ...
