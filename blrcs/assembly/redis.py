"""Opens the Redis that several machines share."""

from contextlib import AsyncExitStack

from blrcs.config.settings import Settings
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs.workers.worker import Worker


async def open_redis(
    settings: Settings, stack: AsyncExitStack, worker: Worker | None = None
) -> RedisClient | None:
    """A client, where a part of the server counts or keeps in Redis; ``stack`` closes it.

    A worker that takes a dead one's place starts without Redis too, as the dead one went on.

    Raises:
        RedisOpenError: Redis cannot be used.
    """
    if settings.redis.url is None or settings.limits.backend != "redis":
        return None
    client = RedisClient(RedisUrl.parse(settings.redis.url.get_secret_value()), settings.redis)
    stack.push_async_callback(client.close)
    if worker is None or worker.first:
        await client.open()
    return client
