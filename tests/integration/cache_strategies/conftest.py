import os
from pathlib import Path

import pytest

from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache


@pytest.fixture(params=["memory"])
async def cache(request):
    """A cache of each kind, without entries. Strategies have clocks of their own."""
    assert request.param == "memory"
    return MemoryCache(Cache())


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
