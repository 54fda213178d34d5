"""Opens connections to Redis."""

import asyncio
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from blrcs.redis.url import Place, RedisUrl

PROTOCOL = 3
CLIENT_NAME = "blrcs"


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens redis-py's connections, logged in and speaking RESP3.

    Attributes:
        url: Says how.
        timeout_s: What opening one may take, with its greeting.
    """

    url: RedisUrl
    timeout_s: float

    async def connect(self, place: Place) -> AbstractConnection:
        """A connection to a server of the URL.

        Raises:
            redis.exceptions.RedisError, OSError, TimeoutError: There is none to be had.
        """
        url = self.url
        login = {"username": url.username or None, "password": url.password or None}
        return await self._open(place, {**login, "db": url.database})

    async def connect_to_sentinel(self, place: Place) -> AbstractConnection:
        """Likewise to a Sentinel, who has a login of its own."""
        url = self.url
        login = {
            "username": url.sentinel_username or None,
            "password": url.sentinel_password or None,
        }
        return await self._open(place, login)

    async def _open(self, place: Place, login: dict[str, Any]) -> AbstractConnection:
        options: dict[str, Any] = {
            **login,
            "protocol": PROTOCOL,
            "client_name": CLIENT_NAME,
            "driver_info": None,
            "socket_timeout": None,
            # A command that is sent twice may be carried out twice.
            "retry": Retry(NoBackoff(), 0),
        }
        connection = self._connection(place, options)
        try:
            async with asyncio.timeout(self.timeout_s):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    def _connection(self, place: Place, options: dict[str, Any]) -> AbstractConnection:
        if self.url.kind == "unix":
            return UnixDomainSocketConnection(path=place.host, **options)
        options |= {"host": place.host, "port": place.port}
        if not self.url.tls:
            return Connection(**options)
        url = self.url
        files = {"ssl_ca_certs": url.ca, "ssl_certfile": url.cert, "ssl_keyfile": url.key}
        return SSLConnection(**options | files)
