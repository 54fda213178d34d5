import os
from pathlib import Path

import pytest

from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache
from tests.conformance.cache.worlds import redis_world
from tests.integration.cache_strategies.sources import AskedCache


@pytest.fixture(params=["memory", "redis"])
async def cache(request):
    """A cache of each kind, without entries. Strategies have clocks of their own."""
    if request.param == "memory":
        yield MemoryCache(Cache())
        return
    server = request.getfixturevalue("redis_server")
    server.flush()
    async with redis_world(Cache(), server.url(), copies=False) as world:
        yield AskedCache(world.store)


class Clock:
    """Tells the time that a test sets."""

    def __init__(self):
        self.now_ns = 1_700_000_000_000_000_000

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def environment():
    """Of the programs that the tests start."""
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}
