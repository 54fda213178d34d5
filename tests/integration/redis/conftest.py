from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from blrcs.config.redis import Redis
from blrcs.redis.client import RedisClient, open_redis
from tests.servers.redis import (
    RedisCluster,
    RedisServer,
    SentinelGroup,
    redis_cluster,
    sentinel_group,
)

QUICK = {"command_timeout": "200ms", "connect_timeout": "200ms"}


@pytest.fixture
def server(redis_server: RedisServer) -> RedisServer:
    """An empty Redis."""
    redis_server.flush()
    return redis_server


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """Opens clients that are closed after the test."""
    async with AsyncExitStack() as stack:

        async def opened(url: str, *, insist: bool = True, **settings: Any) -> RedisClient:
            opening = open_redis(Redis(url=url, **settings), insist=insist)
            return await stack.enter_async_context(opening)

        yield opened


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three masters, each with a replica."""
    with redis_cluster(replicas=1) as found:
        yield found


@pytest.fixture
def sentinels() -> Iterator[SentinelGroup]:
    """A master that may fail."""
    with sentinel_group() as found:
        yield found
