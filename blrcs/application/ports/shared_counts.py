"""What has to be counted and remembered by all machines together."""

from collections.abc import Sequence
from typing import Protocol

from blrcs.domain.failures import Failures


class FailureCounts(Protocol):
    """Counts failed proofs of identity for all who go by the same bounds.

    Methods raise UnavailableError where nobody can tell what has been counted.
    """

    async def take(self, failures: Sequence[Failures]) -> int | None:
        """Counts one of each, in one step: None, or how many nanoseconds to wait if one is full.

        Then none is counted.
        """
        ...

    async def give_back(self, failures: Sequence[Failures]) -> None:
        """Counts one of each less."""
        ...

    async def forget(self, failures: Sequence[Failures]) -> None:
        """Counts afresh."""
        ...


class SpentProofs(Protocol):
    """Remembers which proofs of keys were used."""

    async def spend(self, name: str, ttl_ns: int) -> bool:
        """Whether it is the first time; it is remembered for at least ``ttl_ns``.

        Raises:
            UnavailableError: Nobody can tell.
        """
        ...
