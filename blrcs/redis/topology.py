"""Which server is asked for a key."""

import asyncio
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from blrcs.redis.connector import Connector
from blrcs.redis.url import Place, RedisUrl


class Topology(Protocol):
    """Where the masters are, as far as it is known."""

    @property
    def masters(self) -> Sequence[Place]:
        """All of them."""
        ...

    def master_of(self, key: bytes) -> Place:
        """Who has the key."""
        ...

    async def look(self) -> None:
        """Finds out anew.

        Raises:
            redis.exceptions.RedisError, OSError, TimeoutError: Nobody says.
        """
        ...


def topology_of(url: RedisUrl, connector: Connector) -> Topology:
    """That of what the URL names."""
    match url.kind:
        case "sentinel":
            return SentinelTopology(url, connector)
        case "cluster":
            return ClusterTopology(url, connector)
    return FixedTopology(url.places[0])


class FixedTopology:
    """One server."""

    def __init__(self, place: Place) -> None:
        self.masters: Sequence[Place] = (place,)

    def master_of(self, key: bytes) -> Place:
        """See Topology."""
        del key
        return self.masters[0]

    async def look(self) -> None:
        """See Topology: it stays where it is."""


class SentinelTopology:
    """The master that Sentinels name."""

    def __init__(self, url: RedisUrl, connector: Connector) -> None:
        self._sentinels = list(url.places)
        self._service = url.service
        self._connector = connector
        self.masters: Sequence[Place] = ()

    def master_of(self, key: bytes) -> Place:
        """See Topology."""
        del key
        if not self.masters:
            raise RedisConnectionError("no Sentinel has named a master")
        return self.masters[0]

    async def look(self) -> None:
        """See Topology. Who has answered is asked first the next time."""
        problem: Exception = RedisConnectionError(f"no Sentinel knows {self._service}")
        for place in list(self._sentinels):
            try:
                found = await self._ask(place)
            except (RedisError, OSError) as error:
                problem = error
                continue
            if found is not None:
                self._sentinels.remove(place)
                self._sentinels.insert(0, place)
                host, port = found
                self.masters = (Place(host.decode(), int(port)),)
                return
        raise problem

    async def _ask(self, place: Place) -> Any:
        connection = await self._connector.connect_to_sentinel(place)
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
        return await ask_once(connection, self._connector.timeout_s, *command)


class ClusterTopology:
    """The slots of a Cluster."""

    def __init__(self, url: RedisUrl, connector: Connector) -> None:
        self._seeds = url.places
        self._connector = connector
        self._starts: list[int] = []
        self._owners: list[Place] = []
        self.masters: Sequence[Place] = ()

    def master_of(self, key: bytes) -> Place:
        """See Topology."""
        if not self._starts:
            raise RedisConnectionError("no node of the Cluster has answered")
        return self._owners[max(0, bisect_right(self._starts, key_slot(key)) - 1)]

    async def look(self) -> None:
        """See Topology. Those that are known are asked first, then those of the URL."""
        problem: Exception = RedisConnectionError("no node of the Cluster has slots")
        for place in dict.fromkeys((*self.masters, *self._seeds)):
            try:
                connection = await self._connector.connect(place)
                ranges = await ask_once(connection, self._connector.timeout_s, "CLUSTER", "SLOTS")
            except (RedisError, OSError) as error:
                problem = error
                continue
            if ranges:
                self._learn(ranges, place)
                return
        raise problem

    def _learn(self, ranges: list[list[Any]], asked: Place) -> None:
        found = []
        for start, _, (host, port, *_rest), *_replicas in ranges:
            # One that does not know how it is reached is where it was reached.
            found.append((start, Place((host or b"").decode() or asked.host, port)))
        found.sort(key=lambda each: each[0])
        self._starts = [start for start, _ in found]
        self._owners = [owner for _, owner in found]
        self.masters = tuple(dict.fromkeys(self._owners))


async def ask_once(connection: AbstractConnection, timeout_s: float, *command: Any) -> Any:
    """The answer to one command, over a connection that is closed then."""
    try:
        async with asyncio.timeout(timeout_s):
            await connection.send_command(*command, check_health=False)
            return await connection.read_response(disable_decoding=True, timeout=math.inf)
    finally:
        await connection.disconnect(nowait=True)
