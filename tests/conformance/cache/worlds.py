"""Where the cache can be, each with the same face for the one suite."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from blrcs.cache.memory import MemoryCache
from blrcs.cache.near import near_copies
from blrcs.cache.redis.store import RedisCache
from blrcs.cache.remote import RemoteCache
from blrcs.config.cache import Cache
from blrcs.config.redis import Redis
from blrcs.redis.client import open_redis
from blrcs_native.cache.stamps import CacheStamps
from tests.unit.cache.kept_at_hand import Shared
from tests.unit.cache.kept_behind_socket import Keeper

Store = MemoryCache | RemoteCache | RedisCache

PROCESSES = 2
STAMPS = 4096


class World:
    """A cache with a clock that tests may put forward.

    Attributes:
        stores: What processes that have the same entries use.
    """

    def __init__(self, settings: Cache) -> None:
        self.settings = settings
        self.stores: list[Store] = []
        self.ahead_ns = 0

    @property
    def store(self) -> Store:
        """One of them."""
        return self.stores[0]

    def now_ns(self) -> int:
        """The wall clock of this world."""
        return time.time_ns() + self.ahead_ns

    def monotonic_ns(self) -> int:
        """By what entries age here."""
        return time.monotonic_ns() + self.ahead_ns

    def advance(self, ns: int) -> None:
        """Lets time pass."""
        self.ahead_ns += ns

    async def reclaim(self) -> int:
        """Does once what is done regularly."""
        raise NotImplementedError

    async def report(self, store: Store) -> None:
        """Has a store tell what its copies have answered, and that be known."""


class MemoryWorld(World):
    """A process that has the entries itself."""

    def __init__(self, settings: Cache) -> None:
        super().__init__(settings)
        store = MemoryCache(settings, clock=self.now_ns, monotonic=self.monotonic_ns)
        self.stores = [store]

    async def reclaim(self) -> int:
        """See World."""
        (store,) = self.stores
        assert isinstance(store, MemoryCache)
        return store.reclaim()


class KeptWorld(World):
    """Workers whose keeper has the entries."""

    keeper: Keeper

    async def reclaim(self) -> int:
        """See World."""
        return self.keeper.store.reclaim()

    async def report(self, store: Store) -> None:
        """See World."""
        assert isinstance(store, RemoteCache)
        store.reclaim()
        # Carried out after what the store has told.
        await store.figures("unmade")


class RedisWorld(World):
    """Workers who use one Redis; not all with copies."""

    async def reclaim(self) -> int:
        """See World."""
        (store, *_) = self.stores
        assert isinstance(store, RedisCache)
        return await store.reclaim()

    async def report(self, store: Store) -> None:
        """See World."""
        assert isinstance(store, RedisCache)
        await store.report()


@asynccontextmanager
async def memory_world(settings: Cache) -> AsyncIterator[World]:
    """In memory."""
    yield MemoryWorld(settings)


@asynccontextmanager
async def kept_world(settings: Cache, directory: Path) -> AsyncIterator[World]:
    """Behind a keeper."""
    world = KeptWorld(settings)
    shared = Shared(settings, PROCESSES)
    clocks: dict[str, Any] = {"clock": world.now_ns, "monotonic": world.monotonic_ns}
    world.keeper = await Keeper.start(directory / "cache.sock", shared, **clocks)
    world.stores = [
        RemoteCache(world.keeper.path, near_copies(settings, shared.stamps, hits, **clocks))
        for hits in shared.hits
    ]
    yield world
    for store in world.stores:
        store.close()
    world.keeper.end()


@asynccontextmanager
async def redis_world(settings: Cache, url: str, *, copies: bool) -> AsyncIterator[World]:
    """In Redis, with or without copies."""
    world = RedisWorld(settings)
    async with AsyncExitStack() as stack:
        for _ in range(PROCESSES):
            client = await stack.enter_async_context(open_redis(Redis(url=url)))
            store = RedisCache(
                settings,
                client,
                CacheStamps(bytearray(CacheStamps.size_bytes_for(STAMPS))),
                clock=world.now_ns,
                monotonic=world.monotonic_ns,
                shift_ns=lambda: world.ahead_ns,
            )
            world.stores.append(store)
            if copies:
                await stack.enter_async_context(listening(store))
        yield world


@asynccontextmanager
async def listening(store: RedisCache) -> AsyncIterator[None]:
    """Has a store make copies of what it reads."""
    task = asyncio.create_task(store.feed.run())
    await until(lambda: store.near.good_until_ns > 0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], object]) -> None:
    """Returns when something holds that comes about by itself."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - nothing else tells of it
            await asyncio.sleep(0.005)
