"""Tells other servers that there is something new, so that they look at once."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import structlog

from blrcs.domain.errors import UnavailableError
from blrcs.redis.client import NS_PER_S, RedisClient
from blrcs.redis.feed import Feed

SILENCE_NS = 4 * NS_PER_S
PAUSE_S = 1.0

log = structlog.get_logger("blrcs.redis")


class Announcer:
    """Makes known that something was stored which all servers go by.

    It is a hint, and no more: what it is about stands in the database, into which everybody looks
    from time to time as well. Belongs to the event loop, on which ``run`` has to run.

    Args:
        client: The Redis.
        subject: What the channel is called.
    """

    def __init__(self, client: RedisClient, subject: str) -> None:
        self._client = client
        self._channel = f"{client.key_prefix}:{subject}:{client.database}"
        self._self = secrets.token_hex(8).encode()
        self._news = asyncio.Event()
        self._heard = asyncio.Event()
        self._is_subscribed = False
        self._feed = Feed(client, None, SILENCE_NS, on_told=self._told, on_lost=self._lost)

    def announce(self) -> None:
        """There is something new: the others are told as soon as Redis can be reached."""
        self._news.set()

    async def run(self, follow: Callable[[], Awaitable[object]]) -> None:
        """Tells and listens until it is cancelled; follows what others have stored.

        Also after it could not listen for a while: it may have missed something.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed.run())
            group.create_task(self._tell())
            group.create_task(self._listen(follow))

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._client.call(self._channel, "SPUBLISH", self._channel, self._self)
            except UnavailableError:
                self._news.set()
                await asyncio.sleep(PAUSE_S)
            except Exception:
                log.exception("announcing failed")

    async def _listen(self, follow: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                if not self._is_subscribed:
                    await self._feed.subscribe(self._channel, self._channel)
                    self._is_subscribed = True
                    self._heard.set()
                await self._heard.wait()
                self._heard.clear()
                if self._is_subscribed:
                    await follow()
            except UnavailableError:
                await asyncio.sleep(PAUSE_S)
            except Exception:
                log.exception("following an announcement failed")

    def _told(self, channel: str, sender: bytes) -> None:
        del channel
        if sender != self._self:
            self._heard.set()

    def _lost(self, channel: str) -> None:
        del channel
        self._is_subscribed = False
        self._heard.set()
