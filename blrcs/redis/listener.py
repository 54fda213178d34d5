"""Hears from one Redis server what changes there."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError

from blrcs.domain.errors import DomainError, UnavailableError
from blrcs.redis.client import RedisClient
from blrcs.redis.errors import unavailable
from blrcs.redis.line import Line, Push
from blrcs.redis.url import Place

_EPOCH = re.compile(rb"^master_replid:([0-9a-f]+)", re.MULTILINE)
_MASTER = re.compile(rb"^role:master\r?$", re.MULTILINE)

Clock = Callable[[], int]


class Listener:
    """A line over which a master tells of changed keys, and of what is published.

    Redis tells of a change before it answers what it is asked after that. So when it has answered a
    beat, all changes have been heard of that were acknowledged before the beat was sent.

    Args:
        line: To a master.
        monotonic: Nanoseconds.

    Attributes:
        epoch: Which history of the data it hears of; another one begins with each start and each
            failover.
        heard_ns: All that was acknowledged by then has been heard; None before the first beat.
        channels: Those that it is subscribed to.
    """

    def __init__(self, line: Line, monotonic: Clock) -> None:
        self._line = line
        self._monotonic = monotonic
        self.epoch = b""
        self.heard_ns: int | None = None
        self.channels: set[str] = set()

    @classmethod
    async def open(
        cls,
        client: RedisClient,
        place: Place,
        tracked: str | None,
        monotonic: Clock,
        on_push: Callable[[Push], None],
        on_end: Callable[[Exception | None], None],
    ) -> "Listener":
        """One that hears of the keys that begin with ``tracked``; None for no keys.

        Raises:
            redis.exceptions.RedisError, OSError: It cannot be had.
        """
        listener = cls(await client.dial(place, on_end, on_push), monotonic)
        try:
            if tracked is not None:
                await listener._ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", tracked)
            await listener.beat()
        except UnavailableError:
            raise RedisConnectionError("it does not answer") from None
        except BaseException:
            listener.close()
            raise
        return listener

    @property
    def is_open(self) -> bool:
        """Whether it still hears."""
        return self._line.is_open

    async def beat(self) -> None:
        """Makes sure that all has been heard until now.

        Raises:
            UnavailableError: It was not; where the server is no master any more, it is closed.
        """
        sent_ns = self._monotonic()
        told = await self._ask("INFO", "replication")
        epoch = _EPOCH.search(told)
        if not _MASTER.search(told) or epoch is None or self.epoch not in {b"", epoch[1]}:
            self._line.drop(RedisConnectionError("it is no master any more"))
            raise unavailable()
        self.epoch = epoch[1]
        self.heard_ns = sent_ns

    async def subscribe(self, channel: str) -> None:
        """Returns when all that is published from then on is heard.

        Raises:
            MovedError: The channel is another master's; others are heard as before.
            UnavailableError: It cannot be heard.
        """
        self.channels.add(channel)
        try:
            await self._tell("SSUBSCRIBE", channel)
        except MovedError:
            self.channels.discard(channel)
            raise

    async def unsubscribe(self, channel: str) -> None:
        """Hears no more of it."""
        self.channels.discard(channel)
        # A master whose channel it is no more has let go of it by itself.
        with suppress(MovedError):
            await self._tell("SUNSUBSCRIBE", channel)

    def drop(self, error: Exception) -> None:
        """Hears no more, because of what is wrong."""
        self._line.drop(error)

    def close(self) -> None:
        """Hears no more."""
        self._line.close()

    async def _tell(self, *command: str) -> None:
        """For commands that are answered by a push; they are carried out in their order."""
        try:
            await self._line.tell(*command)
        except (DomainError, MovedError):
            raise
        except RedisError as error:
            self._line.drop(error)
            raise unavailable() from error

    async def _ask(self, *command: str) -> Any:
        try:
            return await self._line.ask(*command)
        except DomainError:
            raise
        except RedisError as error:
            self._line.drop(error)
            raise unavailable() from error
