"""Which namespaces there are in Redis."""

from blrcs.cache.redis.names import CacheNames
from blrcs.cache.refusals import too_many_namespaces
from blrcs.redis.client import RedisClient
from blrcs.redis.script import Script

_ADMIT = Script("""#!lua
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return 1
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
return 1
""")


class RedisNamespaces:
    """The list of the namespaces, which all servers share.

    Their number is bounded as they are made. Where two are made at once while an empty one gives
    way, there may be one more for a moment.

    Args:
        client: The Redis.
        names: What the keys are called.
        max_namespaces: How many there may be.
    """

    def __init__(self, client: RedisClient, names: CacheNames, max_namespaces: int) -> None:
        self._client = client
        self._key = names.namespaces
        self._max = max_namespaces
        self.known: set[str] = set()

    async def admit(self, namespace: str) -> bool:
        """Puts one on the list; False where there is no room.

        Who is known to be on it is not asked about.
        """
        if namespace in self.known:
            return True
        admitted = bool(await self._client.run(_ADMIT, [self._key], namespace, self._max))
        if admitted:
            self.known.add(namespace)
        return admitted

    async def look(self) -> list[str]:
        """Those that are on the list now."""
        found = await self._client.call(self._key, "ZRANGE", self._key, 0, -1)
        names = [name.decode() for name in found]
        self.known.clear()
        self.known.update(names)
        return names

    async def strike(self, namespace: str) -> None:
        """Takes one off the list."""
        self.known.discard(namespace)
        await self._client.call(self._key, "ZREM", self._key, namespace)

    def exhausted(self) -> Exception:
        """What is raised where there is no room."""
        return too_many_namespaces(self._max)
