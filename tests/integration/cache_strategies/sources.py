"""What strategies load from and write to, and caches that fail, for tests."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from blrcs.application.ports.cache import CacheStore
from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry, CacheEvent, SetCondition
from blrcs.domain.errors import UnavailableError


class Source:
    """Values, each of whose loads waits until it is let go."""

    def __init__(self, **values: bytes) -> None:
        self.values = values
        self.loads: list[tuple[str, ...]] = []
        self.running = 0
        self.most_running = 0
        self.open = asyncio.Event()
        self.begun = asyncio.Event()
        self.error: BaseException | None = None
        self.open.set()

    async def load(self, key: str) -> bytes | None:
        return (await self.load_many([key])).get(key)

    async def load_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        self.loads.append(tuple(keys))
        found = {key: self.values[key] for key in keys if key in self.values}
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.begun.set()
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        return found


class FailingCache(MemoryCache):
    """Fails each call of a method that ``failing`` names."""

    def __init__(self) -> None:
        super().__init__(Cache())
        self.failing: set[str] = set()
        self.error: Exception = UnavailableError("CACHE_GONE", "the cache is gone")

    def _ask(self, method: str) -> None:
        if method in self.failing:
            raise self.error

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        self._ask("get")
        return await super().get(namespace, key)

    async def get_many(self, namespace: str, keys: Sequence[str]) -> Sequence[CacheEntry]:
        self._ask("get")
        return await super().get_many(namespace, keys)

    async def set(
        self,
        namespace: str,
        key: str,
        value: bytes,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int | None:
        self._ask("set" if condition.version is None else "compare_and_set")
        return await super().set(namespace, key, value, content_type, ttl_ns, condition)

    async def delete(self, namespace: str, key: str) -> bool:
        self._ask("delete")
        return await super().delete(namespace, key)

    def watch(self, namespace: str, key_prefix: str) -> AsyncGenerator[CacheEvent, None]:
        self._ask("watch")
        return super().watch(namespace, key_prefix)


class AskedCache:
    """A cache of which it is known whether it has answered all that it was asked."""

    unanswered = 0

    def __init__(self, cache: CacheStore) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cache, name)

        async def ask(*arguments: Any) -> Any:
            AskedCache.unanswered += 1
            try:
                return await method(*arguments)
            finally:
                AskedCache.unanswered -= 1

        return ask


async def settle() -> None:
    """Returns when all that can go on has."""
    quiet = 0
    while quiet < 12:
        # A turn of the loop, which looks for answers too.
        await asyncio.sleep(0)
        quiet = 0 if AskedCache.unanswered else quiet + 1
