"""The suite of all caches."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from blrcs.config.cache import Cache
from tests.conformance.cache.worlds import World, kept_world, memory_world, redis_world
from tests.servers.redis import RedisCluster, RedisServer, redis_cluster

BACKENDS = ("memory", "keeper", "redis", "redis_copies", "cluster_copies")


@pytest.fixture(scope="session")
def cache_cluster() -> Iterator[RedisCluster]:
    """Three masters."""
    with redis_cluster() as cluster:
        yield cluster


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The cache under test."""
    return str(request.param)


@pytest.fixture
async def make(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[World]]]:
    """Makes a world with settings of the cache; one in a test."""
    async with AsyncExitStack() as stack:

        async def made(**settings: Any) -> World:
            return await stack.enter_async_context(world(Cache(**{"near_percent": 100} | settings)))

        def world(settings: Cache) -> Any:
            match backend:
                case "memory":
                    return memory_world(settings)
                case "keeper":
                    return kept_world(settings, tmp_path)
                case "redis" | "redis_copies":
                    server: RedisServer = request.getfixturevalue("redis_server")
                    server.flush()
                    return redis_world(settings, server.url(), copies=backend.endswith("copies"))
            cluster: RedisCluster = request.getfixturevalue("cache_cluster")
            cluster.flush()
            return redis_world(settings, cluster.url(), copies=True)

        yield made
