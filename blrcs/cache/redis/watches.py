"""Those of this process who want to know what happens in a namespace in Redis."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

from blrcs.cache.redis.names import CacheNames
from blrcs.cache.watchers import Watchers
from blrcs.domain.cache_entry import CacheEvent, CacheEventKind
from blrcs.domain.errors import UnavailableError
from blrcs.redis.feed import Feed

_KINDS = {
    b"s": CacheEventKind.SET,
    b"d": CacheEventKind.DELETED,
    b"x": CacheEventKind.EXPIRED,
    b"v": CacheEventKind.EVICTED,
    b"f": CacheEventKind.FLUSHED,
}


class RedisWatches:
    """Watchers, for whom a namespace's channel is listened to as long as there are any.

    Args:
        names: What the channels are called.
    """

    def __init__(self, names: CacheNames) -> None:
        self._names = names
        self._watchers = Watchers()
        self._channels: dict[str, str] = {}
        self._watching: Counter[str] = Counter()

    async def watch(
        self, feed: Feed, namespace: str, key_prefix: str
    ) -> AsyncGenerator[CacheEvent, None]:
        """As the port's, from the feed; it ends where the feed loses the channel.

        Raises:
            UnavailableError: Redis cannot be heard.
        """
        self._watching[namespace] += 1
        channel = self._names.channel(namespace)
        try:
            self._channels[channel] = namespace
            await feed.subscribe(self._names.keys(namespace)[0], channel)
            async with aclosing(self._watchers.watch(namespace, key_prefix)) as events:
                async for event in events:
                    yield event
        finally:
            self._watching[namespace] -= 1
            if not self._watching[namespace]:
                del self._watching[namespace], self._channels[channel]
                await feed.unsubscribe(channel)

    def finish(self) -> None:
        """Ends all watches: the server is to stop."""
        self._watchers.finish()

    def told(self, channel: str, data: bytes) -> None:
        """What the script has published: the kind of event, the version and the key."""
        namespace = self._channels.get(channel)
        if namespace is not None:
            version, _, key = data[1:].partition(b" ")
            self._watchers.tell(namespace, _KINDS[data[:1]], key.decode(), int(version))

    def lost(self, channel: str) -> None:
        """A channel is heard no more."""
        namespace = self._channels.get(channel)
        if namespace is not None:
            reason = UnavailableError("CACHE_RESTARTING", "changes are not heard of: watch again")
            self._watchers.lose(namespace, reason)
