"""Hears from all of Redis what changes there."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError

from blrcs.domain.errors import UnavailableError
from blrcs.redis.client import MAX_REDIRECTS, RedisClient
from blrcs.redis.errors import unavailable
from blrcs.redis.joined import joined
from blrcs.redis.line import Push
from blrcs.redis.listener import Clock, Listener
from blrcs.redis.url import Place

log = structlog.get_logger("blrcs.redis")

NS_PER_S = 1_000_000_000
BEATS_IN_BOUND = 4


def _ignore(_: object) -> None:
    """For who does not want to know."""


class Feed:
    """Listens to every master; finds new ones, and lets go of those that are none any more.

    Belongs to the event loop, on which ``run`` has to run.

    Args:
        client: The Redis.
        tracked: What the names of the keys begin with whose changes are heard of; None for none.
        staleness_ns: How long after the last beat it may be trusted that all was heard.
        on_changed: Told of a key that has changed; of None where any may have.
        on_told: Told of a channel and what was published there.
        on_lost: Told of a channel that is heard no more.
        on_good_until: Told until when all changes will have been heard; often.
        monotonic: Nanoseconds.
    """

    def __init__(
        self,
        client: RedisClient,
        tracked: str | None,
        staleness_ns: int,
        *,
        on_changed: Callable[[bytes | None], None] = _ignore,
        on_told: Callable[[str, bytes], None],
        on_lost: Callable[[str], None],
        on_good_until: Callable[[int], None] = _ignore,
        monotonic: Clock = time.monotonic_ns,
    ) -> None:
        self._client = client
        self._tracked = tracked
        self._staleness_ns = staleness_ns
        self._on_changed = on_changed
        self._on_told = on_told
        self._on_lost = on_lost
        self._on_good_until = on_good_until
        self._monotonic = monotonic
        self._listeners: dict[Place, Listener] = {}
        self._opening: dict[Place, asyncio.Task[Listener]] = {}
        self._woken = asyncio.Event()
        # One at a time: the end of a subscription must not be taken for that of the next.
        self._subscribing = asyncio.Lock()

    def hears(self, epoch: bytes) -> bool:
        """Whether all later changes of what was read in this epoch are heard of."""
        return any(each.epoch == epoch for each in self._listeners.values())

    async def run(self) -> None:
        """Keeps listening, until it is cancelled."""
        period_s = self._staleness_ns / NS_PER_S / BEATS_IN_BOUND
        try:
            while True:
                self._woken.clear()
                try:
                    await self._round()
                except Exception:
                    log.exception("listening to Redis failed")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(period_s):
                        await self._woken.wait()
                        # Whoever has just gone is not there again at once.
                        await asyncio.sleep(period_s / BEATS_IN_BOUND)
        finally:
            opening = list(self._opening.values())
            for each in opening:
                each.cancel()
            await asyncio.gather(*opening, return_exceptions=True)
            for listener in list(self._listeners.values()):
                listener.close()

    async def subscribe(self, key: str, channel: str) -> None:
        """Returns when all that is published from then on is told, until the channel is lost.

        Args:
            key: One that lies where the channel does.
            channel: Its name.

        Raises:
            UnavailableError: It is not to be had.
        """
        async with self._subscribing:
            place = await self._client.master_of(key)
            for _ in range(MAX_REDIRECTS):
                listener = await self._listener(place)
                try:
                    return await listener.subscribe(channel)
                except MovedError as error:
                    place = Place(error.host or place.host, error.port)
                    await self._client.look()
            raise unavailable()

    async def unsubscribe(self, channel: str) -> None:
        """Nobody wants to hear of it any more."""
        async with self._subscribing:
            for listener in list(self._listeners.values()):
                if channel in listener.channels:
                    with contextlib.suppress(UnavailableError):
                        await listener.unsubscribe(channel)

    async def _round(self) -> None:
        masters = set(self._client.masters)
        for place in [place for place in self._listeners if place not in masters]:
            self._listeners[place].drop(RedisConnectionError("it is no master any more"))
        await asyncio.gather(*[self._see_to(place) for place in masters])
        self._reckon()
        if not masters or len(self._listeners) < len(masters):
            with contextlib.suppress(UnavailableError):
                await self._client.look()

    async def _see_to(self, place: Place) -> None:
        with contextlib.suppress(UnavailableError):
            listener = await self._listener(place)
            await listener.beat()
            self._reckon()

    async def _listener(self, place: Place) -> Listener:
        listener = self._listeners.get(place)
        if listener is not None:
            return listener
        opening = self._opening.get(place)
        if opening is None:
            opening = asyncio.get_running_loop().create_task(self._open(place))
            self._opening[place] = opening
        return await joined(opening)

    async def _open(self, place: Place) -> Listener:
        def ended(error: Exception | None) -> None:
            self._ended(place, error)

        try:
            listener = await Listener.open(
                self._client, place, self._tracked, self._monotonic, self._pushed, ended
            )
        except (RedisError, OSError) as error:
            self._client.away(place, error)
            raise unavailable() from error
        finally:
            del self._opening[place]
        if not listener.is_open:
            raise unavailable()
        # What was read before it listened, nobody has told of.
        self._on_changed(None)
        self._listeners[place] = listener
        self._client.back(place)
        return listener

    def _ended(self, place: Place, error: Exception | None) -> None:
        listener = self._listeners.pop(place, None)
        if error is not None:
            self._client.away(place, error)
        self._reckon()
        self._on_changed(None)
        self._woken.set()
        for channel in () if listener is None else listener.channels:
            self._on_lost(channel)

    def _reckon(self) -> None:
        """Until when it holds that all was heard: as long as it does for every master."""
        heard = [
            None if listener is None else listener.heard_ns
            for listener in map(self._listeners.get, self._client.masters)
        ]
        if not heard or None in heard:
            self._on_good_until(0)
        else:
            self._on_good_until(min(each or 0 for each in heard) + self._staleness_ns)

    def _pushed(self, message: Push) -> None:
        match message:
            case [b"invalidate", None]:
                self._on_changed(None)
            case [b"invalidate", list(keys)]:
                for key in keys:
                    self._on_changed(key)
            case [b"smessage", bytes(channel), bytes(data)]:
                self._on_told(channel.decode(), data)
            case [b"sunsubscribe", bytes(channel), _]:
                self._unsubscribed(channel.decode())

    def _unsubscribed(self, channel: str) -> None:
        """Also because its slot has moved to another node."""
        for listener in self._listeners.values():
            if channel in listener.channels:
                listener.channels.discard(channel)
                self._on_lost(channel)
