"""Cache-aside: whoever reads looks into the cache, loads what is not there, and keeps it."""

import time
from collections.abc import Awaitable, Callable

from blrcs.application.ports.cache import CacheStore
from blrcs.cache.strategies.entries import Clock, Entries
from blrcs.cache.strategies.lifetimes import Lifetimes
from blrcs.cache.strategies.stored_value import Kind, StoredValue
from blrcs.domain.errors import DomainError

DEFAULT_LOAD_NS = 60_000_000_000


class CacheAside:
    """Looks values up, for code that does its own loading and writing.

    Each caller that misses loads for itself: ReadThrough has one load for all. A value that was
    loaded before a change is never kept after ``invalidate``, on any worker or machine that shares
    the cache. Where the cache cannot be reached, reads load.

    Args:
        cache: Where values are kept.
        namespace: Theirs alone.
        lifetimes: How long. There is no stale serving here: ``stale_ns`` must be 0.
        longest_load_ns: A value whose load took longer is not kept.
        clock: Wall-clock nanoseconds.

    Raises:
        ValueError: A time is out of its range.
    """

    def __init__(
        self,
        cache: CacheStore,
        namespace: str,
        lifetimes: Lifetimes,
        *,
        longest_load_ns: int = DEFAULT_LOAD_NS,
        clock: Clock = time.time_ns,
    ) -> None:
        if lifetimes.stale_ns:
            raise ValueError("stale_ns is for ReadThrough, which loads in the background")
        if longest_load_ns < 1:
            raise ValueError("longest_load_ns must be at least 1")
        self._entries = Entries(cache, namespace, clock=clock)
        self._lifetimes = lifetimes
        self._longest_load_ns = longest_load_ns

    async def get_or_load(
        self, key: str, load: Callable[[], Awaitable[bytes | None]]
    ) -> bytes | None:
        """The value that is kept, or what ``load`` gives; None where there is none.

        Raises:
            Exception: What ``load`` raises; nothing is kept then.
        """
        seen = await self._claimed(key)
        if seen is not None and seen.is_served(self._entries.now_ns()):
            return seen.answer
        value = await load()
        if seen is not None and seen.kind is not Kind.WRITING:
            try:
                await self._entries.keep(key, value, self._lifetimes, version=seen.version)
            except DomainError:
                return value
        return value

    async def invalidate(self, key: str) -> None:
        """To be called after each change, before it is acknowledged.

        Raises:
            DomainError: The cache cannot be reached. What it has may be served until its time ends.
        """
        await self._entries.drop(key)

    async def _claimed(self, key: str) -> StoredValue | None:
        """What stands in the cache; None where it cannot be asked, or cannot keep anything."""
        try:
            seen = await self._entries.look(key)
            if seen is None:
                seen = await self._entries.claim(key, self._longest_load_ns)
        except DomainError:
            return None
        return seen
