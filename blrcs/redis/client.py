"""Asks Redis, wherever what is asked about lies."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet

import structlog
from redis.exceptions import AskError, MovedError, NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from blrcs.config.redis import Redis
from blrcs.domain.errors import UnavailableError
from blrcs.redis.connector import Connector
from blrcs.redis.errors import RedisOpenError, unavailable
from blrcs.redis.joined import joined, settle
from blrcs.redis.line import Line, Push
from blrcs.redis.node import Node
from blrcs.redis.refusals import open_error
from blrcs.redis.script import Script
from blrcs.redis.topology import ask_once, topology_of
from blrcs.redis.url import Place, RedisUrl
from blrcs.resilience.watching import MakeBreaker

NS_PER_S = 1_000_000_000
MAX_REDIRECTS = 5
OLDEST = (7, 0)
LOOK_PAUSE_S = 0.1

log = structlog.get_logger("blrcs.redis")


class RedisClient:
    """Redis as one, however many servers it is made of. Belongs to the event loop.

    Nothing is sent again that may have been carried out: a command fails with UnavailableError
    where its answer does not come, and is repeated only where Redis has said that it did nothing.
    Whether Redis can be reached is logged when it changes.

    Args:
        url: Where it is.
        settings: Bounds and time-outs.
        breaker_of: Makes what stands before each server; None where each is always asked.
    """

    def __init__(
        self, url: RedisUrl, settings: Redis, breaker_of: MakeBreaker | None = None
    ) -> None:
        self._breaker_of = breaker_of
        self.key_prefix = settings.key_prefix
        self.database = url.database
        self.command_timeout_s = settings.command_timeout.ns / NS_PER_S
        self._url = url
        self._size = settings.pool_size
        self._connector = Connector(url, settings.connect_timeout.ns / NS_PER_S)
        self._topology = topology_of(url, self._connector)
        self._nodes: dict[Place, Node] = {}
        self._lines: WeakSet[Line] = WeakSet()
        self._closing: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -math.inf
        self._away: set[Place | None] = set()

    @property
    def masters(self) -> Sequence[Place]:
        """The servers that are masters, as far as it is known."""
        return self._topology.masters

    async def open(self) -> None:
        """Makes sure that Redis is there, lets one in, and is new enough.

        Raises:
            RedisOpenError: It is not, and its text says why.
        """
        try:
            await self._topology.look()
            connection = await self._connector.connect(self._topology.masters[0])
            info = await ask_once(connection, self._connector.timeout_s, "INFO", "server")
            _see_to_version(self._url.place, info)
        except (RedisError, OSError, ValueError) as error:
            raise open_error(self._url.place, error) from None

    async def call(self, key: bytes | str, *command: bytes | str | int) -> Any:
        """Redis's answer to a command about a key, or about keys of the same slot.

        Raises:
            UnavailableError: It does not answer now.
            ResourceExhaustedError: It has no memory left, or too many commands wait.
            redis.exceptions.ResponseError: It refuses what it should not.
        """
        place = await self.master_of(key)
        asking = False
        for _ in range(MAX_REDIRECTS):
            try:
                return await self._node(place).ask(command, asking=asking)
            except UnavailableError as error:
                if not isinstance(error.__cause__, ReadOnlyError):
                    self._look_soon()
                    raise
                # What was the master is none any more, and has done nothing.
                if place in self._nodes:
                    self._nodes[place].drop(error.__cause__)
                await self._look()
                place, asking = await self.master_of(key), False
            except MovedError as error:
                self._look_soon()
                place, asking = Place(error.host or place.host, error.port), False
            except AskError as error:
                place, asking = Place(error.host or place.host, error.port), True
        raise unavailable()

    async def run(
        self, script: Script, keys: Sequence[bytes | str], *arguments: bytes | str | int
    ) -> Any:
        """The result of a script, which is loaded where Redis does not know it.

        Raises:
            As ``call``.
        """
        count = len(keys)
        try:
            return await self.call(keys[0], "EVALSHA", script.digest, count, *keys, *arguments)
        except NoScriptError:
            return await self.call(keys[0], "EVAL", script.text, count, *keys, *arguments)

    async def dial(
        self,
        place: Place,
        on_end: Callable[[Exception | None], None],
        on_push: Callable[[Push], None] | None = None,
    ) -> Line:
        """A line of the caller's own to a master.

        Raises:
            redis.exceptions.RedisError, OSError: It cannot be had; also where it is no master.
        """
        connection = await self._connector.connect(place)
        line = Line(connection, self.command_timeout_s, on_push=on_push, on_end=on_end)
        self._lines.add(line)
        try:
            role, *_ = await line.ask("ROLE")
        except UnavailableError:
            raise RedisConnectionError("it does not answer") from None
        except BaseException:
            line.close()
            raise
        if role == b"master":
            return line
        line.close()
        raise RedisConnectionError("it is no master")

    async def close(self) -> None:
        """Ends all connections."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for node in self._nodes.values():
            await node.close()
        await asyncio.gather(*self._closing)
        for line in list(self._lines):
            line.close()
            await line.wait_closed()

    async def look(self) -> None:
        """Finds out anew where the masters are; together with others who want to know.

        Raises:
            UnavailableError: Nobody says.
        """
        await self._look()

    def away(self, place: Place | None, error: Exception) -> None:
        """See Watch."""
        if place not in self._away:
            log.warning("Redis is away", place=str(place or self._url.place), error=str(error))
        self._away.add(place)
        self._look_soon()

    def back(self, place: Place | None) -> None:
        """See Watch."""
        if place in self._away:
            log.info("Redis is back", place=str(place or self._url.place))
        self._away.discard(place)

    async def master_of(self, key: bytes | str) -> Place:
        """The server that has a key, as far as it is known.

        Raises:
            UnavailableError: Nobody says.
        """
        key = key.encode() if isinstance(key, str) else key
        if not self._topology.masters:
            await self._look()
        return self._topology.master_of(key)

    def _node(self, place: Place) -> Node:
        node = self._nodes.get(place)
        if node is None:
            breaker = None if self._breaker_of is None else self._breaker_of(f"redis/{place}")
            node = self._nodes[place] = Node(place, self._size, self.dial, self, breaker)
        return node

    async def _look(self) -> None:
        await joined(self._look_soon(even_now=True))

    def _look_soon(self, *, even_now: bool = False) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        if self._looking is None or (
            self._looking.done() and (even_now or loop.time() > self._looked_at + LOOK_PAUSE_S)
        ):
            self._looking = loop.create_task(self._look_now())
            self._looking.add_done_callback(settle)
        return self._looking

    async def _look_now(self) -> None:
        try:
            await self._topology.look()
        except (RedisError, OSError) as error:
            if None not in self._away:
                log.warning("Redis is away", place=self._url.place, error=str(error))
            self._away.add(None)
            raise unavailable() from error
        finally:
            self._looked_at = asyncio.get_running_loop().time()
        self.back(None)
        self._forget()

    def _forget(self) -> None:
        """Closes the lines to who is no master any more."""
        masters = set(self._topology.masters)
        for place in [place for place in self._nodes if place not in masters]:
            closing = asyncio.get_running_loop().create_task(self._nodes.pop(place).close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._away.discard(place)


@asynccontextmanager
async def open_redis(
    settings: Redis, *, insist: bool = True, breaker_of: MakeBreaker | None = None
) -> AsyncIterator[RedisClient]:
    """A client of the Redis that the settings name; ``settings.url`` is given.

    Args:
        settings: Say where it is.
        insist: Whether it has to be there now. A process that joins others which serve does not
            insist: it may do without until Redis is back, as they do.
        breaker_of: See RedisClient.

    Raises:
        RedisOpenError: The URL is wrong, or Redis cannot be used.
    """
    text = "" if settings.url is None else settings.url.get_secret_value()
    client = RedisClient(RedisUrl.parse(text), settings, breaker_of)
    if insist:
        await client.open()
    try:
        yield client
    finally:
        await client.close()


def _see_to_version(place: str, info: bytes) -> None:
    found = [line for line in info.split(b"\r\n") if line.startswith(b"redis_version:")]
    version = found[0].partition(b":")[2].decode() if found else "unknown"
    numbers = version.split(".")
    if len(numbers) < len(OLDEST) or tuple(map(int, numbers[: len(OLDEST)])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise RedisOpenError(place, f"it is version {version}, and {wanted} or later is needed")
