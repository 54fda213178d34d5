"""Cache namespaces, as use cases see them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from blrcs.domain.cache_entry import CacheEntry, CacheEvent, CacheFigures, SetCondition


class CacheStore(Protocol):
    """Entries in namespaces that the first entry makes. Each method is one atomic step.

    ``ttl_ns`` None is the namespace's default. Methods that write raise ResourceExhaustedError
    where the value cannot be kept: it is larger than the namespace, or there are too many
    namespaces.
    """

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        """The entry, if there is one; counts as a use of it."""
        ...

    async def get_many(self, namespace: str, keys: Sequence[str]) -> Sequence[CacheEntry]:
        """Those entries that are there, in the order of the keys."""
        ...

    async def set(
        self,
        namespace: str,
        key: str,
        value: bytes,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int | None:
        """The entry's new version; None, and nothing done, where the condition does not hold."""
        ...

    async def delete(self, namespace: str, key: str) -> bool:
        """Whether there was an entry."""
        ...

    async def increment(
        self, namespace: str, key: str, delta: int, ttl_ns: int | None
    ) -> tuple[int, int]:
        """The number after adding, and the entry's version. An entry that is there keeps its time.

        Raises:
            FailedPreconditionError: The value is no number, or the sum has more than 64 bits.
        """
        ...

    async def touch(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """The entry with its new time to live, if there is one."""
        ...

    async def figures(self, namespace: str) -> CacheFigures:
        """All zero for a namespace that does not exist, but for its bounds."""
        ...

    async def flush(self, namespace: str) -> int:
        """Drops all entries; how many there were."""
        ...

    def watch(self, namespace: str, key_prefix: str) -> AsyncGenerator[CacheEvent, None]:
        """STARTED once it is first asked, then what happens from there on, until it is closed.

        The namespace need not exist, and is not made.

        Raises:
            ResourceExhaustedError: There are too many watchers, or this one fell behind.
        """
        ...
