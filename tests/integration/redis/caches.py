"""Caches in Redis, as processes have them."""

import time
from typing import Any

from blrcs.cache.redis.store import RedisCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import SetCondition
from blrcs.redis.client import RedisClient
from blrcs_native.cache.stamps import CacheStamps

ANY = SetCondition()
STALENESS_NS = 1_000_000_000


class Process:
    """A process's cache, whose copies age by a clock that tests move, or let go."""

    def __init__(self, client: RedisClient, **settings: Any) -> None:
        self.ahead_ns = 0
        self._stands_at_ns: int | None = time.monotonic_ns()
        buffer = bytearray(CacheStamps.size_bytes_for(4096))
        self.cache = RedisCache(
            Cache(**{"near_percent": 100} | settings),
            client,
            CacheStamps(buffer),
            monotonic=self.now_ns,
        )

    def now_ns(self) -> int:
        """By what copies age."""
        stands_at_ns = self._stands_at_ns
        return self.ahead_ns + (time.monotonic_ns() if stands_at_ns is None else stands_at_ns)

    def let_time_pass(self) -> None:
        """By itself, from here on."""
        self._stands_at_ns = None

    def outlive_the_bound(self) -> None:
        """So much time passes that nothing that was heard before counts any more."""
        self.ahead_ns += STALENESS_NS

    def has_copy(self, key: str = "k") -> bool:
        """Whether it would answer by itself."""
        return self.cache.near.get("n", key) is not None

    async def set(self, value: bytes, key: str = "k") -> int | None:
        """Sets an entry."""
        return await self.cache.set("n", key, value, "t", None, ANY)

    async def value(self, key: str = "k") -> bytes | None:
        """What it has to say."""
        entry = await self.cache.get("n", key)
        return None if entry is None else entry.value
