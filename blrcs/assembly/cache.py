"""Where the cache service keeps its entries."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from blrcs.assembly.foundation import Foundation
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.cache.memory import MemoryCache
from blrcs.cache.near import near_copies
from blrcs.cache.remote import RemoteCache
from blrcs.config.settings import Settings
from blrcs.workers.memory import own_stamps
from blrcs.workers.ports import cache_socket
from blrcs.workers.worker import Worker

if TYPE_CHECKING:
    from blrcs.cache.redis.store import RedisCache

PERIOD_S = 1.0

AnyCache: TypeAlias = "MemoryCache | RemoteCache | RedisCache"


def assemble_cache(settings: Settings, base: Foundation, worker: Worker | None) -> AnyCache:
    """The cache of the process.

    Args:
        settings: Say where the entries are.
        base: What it stands on.
        worker: The place of this process among others; None for one alone.
    """
    if settings.cache.backend == "redis" and base.redis is not None:
        from blrcs.cache.redis.store import RedisCache  # noqa: PLC0415 - as in the foundation

        stamps = own_stamps() if worker is None else worker.memory.cache_stamps()
        return RedisCache(settings.cache, base.redis, stamps)
    if worker is None:
        return MemoryCache(settings.cache)
    memory = worker.memory
    near = near_copies(settings.cache, memory.cache_stamps(), memory.cache_hits())
    return RemoteCache(cache_socket(settings.data_directory), near)


def keep_house(cache: AnyCache, house: Housekeeping, leading: Callable[[Work], Work]) -> None:
    """Has the cache do what is done again and again.

    Args:
        cache: The one of this process.
        house: Does it.
        leading: Has work done by one of all workers.
    """
    if not isinstance(cache, MemoryCache | RemoteCache):
        house.run(cache.feed.run())
        house.repeat(PERIOD_S, cache.report)
        house.repeat(PERIOD_S, leading(cache.reclaim))
        return

    async def reclaim() -> None:
        cache.reclaim()

    house.repeat(PERIOD_S, reclaim)
