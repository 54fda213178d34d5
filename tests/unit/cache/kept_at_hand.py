"""A keeper and its workers in one process, without a socket: what is asked is answered at once."""

from collections.abc import Callable
from typing import Any

from blrcs.cache.frames import Frames, frame
from blrcs.cache.keeper import KeeperConnection
from blrcs.cache.kept import KeptCache
from blrcs.cache.near import near_copies
from blrcs.cache.remote import RemoteCache, error_from_wire
from blrcs.config.cache import Cache
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.stamps import CacheStamps

Clock = Callable[[], int]


class Shared:
    """What the processes share."""

    def __init__(self, settings: Cache, processes: int) -> None:
        self.settings = settings
        self.stamps = CacheStamps(bytearray(CacheStamps.size_bytes_for(4096)))
        rows = [bytearray(8 * settings.max_namespaces) for _ in range(processes)]
        self.hits = [CacheHits(row) for row in rows]

    def keeper(self, clock: Clock) -> KeptCache:
        """A keeper that begins, with one clock for everything."""
        return KeptCache(
            self.settings, stamps=self.stamps, hits=self.hits, clock=clock, monotonic=clock
        )

    def worker(self, keeper: KeptCache, clock: Clock, number: int = 0) -> "RemoteAtHand":
        """A worker's cache, with room for copies of all."""
        settings = self.settings.model_copy(update={"near_percent": 100})
        near = near_copies(settings, self.stamps, self.hits[number], clock=clock, monotonic=clock)
        return RemoteAtHand(keeper, near)


class RemoteAtHand(RemoteCache):
    """Asks a keeper in the same process, by the messages that others would send."""

    def __init__(self, keeper: KeptCache, near: Any) -> None:
        self.keeper = keeper
        self.near = near
        self.asked = 0

    def reclaim(self) -> int:
        for namespace, keys in self.near.take_used().items():
            self.keeper.use(namespace, keys)
        return 0

    async def _ask(self, method: str, *arguments: object) -> Any:
        self.asked += 1
        _, *asked = _sent((method, *arguments))
        succeeded, result = _sent(KeeperConnection(self.keeper)._answer(method, asked))
        if succeeded:
            return result
        raise error_from_wire(*result)


def _sent(message: Any) -> Any:
    ((_, received),) = Frames().feed(frame(1, message))
    return received
