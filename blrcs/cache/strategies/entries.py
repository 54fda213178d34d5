"""The entries of one namespace, as strategies use them.

No load may put an old value over a newer one. So whoever loads notes the version of what stands in
the cache before, a mark of its own where there is nothing; and puts the value in that entry's place
only if it is still there. Whoever changes the value drops or replaces the entry after the change,
so that what was loaded before it finds its place taken.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

from blrcs.application.ports.cache import CacheStore
from blrcs.cache.strategies.lifetimes import Lifetimes
from blrcs.cache.strategies.stored_value import CONTENT_TYPE, Kind, StoredValue, decode
from blrcs.domain.cache_entry import Presence, SetCondition

Clock = Callable[[], int]

_ANY = SetCondition()
_ABSENT = SetCondition(Presence.ABSENT)
DROPPED_AT_ONCE = 64
CLAIMS = 8


class Entries:
    """Reads and writes what strategies keep. Methods raise what those of the cache do.

    Args:
        cache: Where they are kept.
        namespace: Theirs alone: others read values with a head that they do not know.
        clock: Wall-clock nanoseconds. Freshness is judged by it, on every machine by its own.
    """

    def __init__(self, cache: CacheStore, namespace: str, *, clock: Clock = time.time_ns) -> None:
        self._cache = cache
        self._namespace = namespace
        self._clock = clock

    def now_ns(self) -> int:
        """The clock's time."""
        return self._clock()

    async def look(self, key: str) -> StoredValue | None:
        """What stands in the cache."""
        entry = await self._cache.get(self._namespace, key)
        return None if entry is None else decode(entry)

    async def look_many(self, keys: Sequence[str]) -> dict[str, StoredValue]:
        """What stands in the cache, of those keys of which something does."""
        found = await self._cache.get_many(self._namespace, keys)
        return {entry.key: decode(entry) for entry in found}

    async def claim(self, key: str, ttl_ns: int) -> StoredValue:
        """What stands in the cache before a load; a mark, made to live so long, if nothing did."""
        for _ in range(CLAIMS):
            mark = StoredValue(Kind.LOADING)
            version = await self._set(key, mark, ttl_ns, _ABSENT)
            if version is not None:
                return StoredValue(Kind.LOADING, version=version)
            seen = await self.look(key)
            if seen is not None:
                return seen
        # It comes and goes: what is loaded now is not kept.
        return StoredValue(Kind.WRITING)

    async def mark_writing(self, key: str, ttl_ns: int) -> int:
        """Replaces whatever there is by a mark, made to live so long; its version.

        Until it is replaced or gone, nothing that is loaded is kept.
        """
        version = await self._set(key, StoredValue(Kind.WRITING), ttl_ns, _ANY)
        return version or 0

    async def keep(
        self,
        key: str,
        value: bytes | None,
        lifetimes: Lifetimes,
        *,
        version: int,
        duration_ns: int = 0,
    ) -> bool:
        """Puts a value, or that there is none, in the place of an entry of that version.

        Returns:
            Whether it is there: not where somebody else has been faster.
        """
        if value is None and not lifetimes.negative_ns:
            return False
        now_ns = self._clock()
        if value is None:
            until_ns = now_ns + lifetimes.negative_ns
            stored = StoredValue(Kind.ABSENT, b"", until_ns, until_ns, duration_ns)
        else:
            fresh_until_ns = now_ns + lifetimes.fresh_ns
            stale_until_ns = fresh_until_ns + lifetimes.stale_ns
            stored = StoredValue(Kind.VALUE, value, fresh_until_ns, stale_until_ns, duration_ns)
        ttl_ns = stored.stale_until_ns - now_ns
        return await self._set(key, stored, ttl_ns, SetCondition(version=version)) is not None

    async def drop(self, key: str) -> None:
        """Removes what there is: the next read loads, and what is being loaded is not kept."""
        await self._cache.delete(self._namespace, key)

    async def drop_all(self, keys: Collection[str]) -> None:
        """As ``drop``, of several."""
        left = list(keys)
        while left:
            now, left = left[:DROPPED_AT_ONCE], left[DROPPED_AT_ONCE:]
            await asyncio.gather(*(self.drop(key) for key in now))

    async def _set(
        self, key: str, stored: StoredValue, ttl_ns: int, condition: SetCondition
    ) -> int | None:
        return await self._cache.set(
            self._namespace, key, stored.encode(), CONTENT_TYPE, ttl_ns, condition
        )
