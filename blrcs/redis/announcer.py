"""Tells other servers that there is something new, so that they look at once."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog

from blrcs.application.ports.announcer import STORED, Hear
from blrcs.application.ports.clock import Clock
from blrcs.domain.errors import UnavailableError
from blrcs.redis.client import NS_PER_S, RedisClient
from blrcs.redis.feed import Feed
from blrcs.resilience.news import News, heard
from blrcs.resilience.traffic import Traffic

SILENCE_NS = 4 * NS_PER_S
PAUSE_S = 1.0
COUNTED_BYTES = 4096
"""A message counts as one for so many octets."""

log = structlog.get_logger("blrcs.redis")


class Announcer:
    """Implements the Announcer port by a channel of a Redis.

    Where more is heard than there is time for, it is not read: it may then be anything that is
    new, and is looked for as long as that lasts once in ``PAUSE_S``. The log says so once.

    Args:
        client: The Redis.
        channel: What the channel is called.
        clock: Monotonic nanoseconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        client: RedisClient,
        channel: str,
        clock: Clock = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._channel = f"{client.key_prefix}:{channel}:{client.database}"
        self._self = secrets.token_hex(8)
        self._news = News()
        self._lost_it = asyncio.Event()
        self._hear: Hear | None = None
        self._own = f"{self._self} ".encode()
        self._traffic = Traffic(clock, sleep)
        self._unread: asyncio.TimerHandle | None = None
        self._feed = Feed(client, None, SILENCE_NS, on_told=self._told, on_lost=self._lost)

    def announce(self, subject: str) -> None:
        """See the port."""
        self._news.add(subject)

    async def run(self, hear: Hear) -> None:
        """See the port."""
        self._hear = hear
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed.run())
            group.create_task(self._tell())
            group.create_task(self._listen(hear))

    async def _tell(self) -> None:
        while True:
            subjects = await self._news.take()
            message = " ".join((self._self, *subjects))
            try:
                await self._client.call(self._channel, "SPUBLISH", self._channel, message)
            except UnavailableError:
                self._news.add(*subjects)
                await asyncio.sleep(PAUSE_S)
            except Exception:
                log.exception("announcing failed")
            else:
                await self._traffic.told()

    async def _listen(self, hear: Hear) -> None:
        while True:
            self._lost_it.clear()
            try:
                await self._feed.subscribe(self._channel, self._channel)
            except UnavailableError:
                await asyncio.sleep(PAUSE_S)
                continue
            except Exception:
                log.exception("listening for announcements failed")
                await asyncio.sleep(PAUSE_S)
                continue
            hear(None)
            await self._lost_it.wait()

    def _told(self, channel: str, message: bytes) -> None:
        del channel
        # Redis gives back what one tells oneself.
        if message.startswith(self._own):
            return
        self._traffic.heard(1 + len(message) // COUNTED_BYTES)
        if self._traffic.is_too_much:
            self._traffic.flood_begins(self._channel)
            if self._unread is None:
                loop = asyncio.get_running_loop()
                self._unread = loop.call_later(PAUSE_S, self._hear_of_anything)
            return
        # Of a stranger's there may be nothing.
        sender, *subjects = message.decode(errors="replace").split() or [self._self]
        if sender != self._self and self._hear is not None:
            # Servers of before name no subject, and tell of one.
            self._hear(heard(subjects or [STORED]))

    def _hear_of_anything(self) -> None:
        self._unread = None
        if self._hear is not None:
            self._hear(None)

    def _lost(self, channel: str) -> None:
        del channel
        self._lost_it.set()
