"""What holds of the cache in memory alone; what holds of every cache is in tests/conformance."""

import pytest

from blrcs.cache.memory import RECLAIMED_AT_ONCE, TOLD_AT_ONCE, MemoryCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEventKind, SetCondition

WALL_NS = 1_700_000_000_000_000_000
S = 1_000_000_000
ANY = SetCondition()


class Clock:
    def __init__(self):
        self.now_ns = 5

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


def cache_of(clock, **settings):
    return MemoryCache(Cache(**settings), clock=lambda: WALL_NS + clock(), monotonic=clock)


async def put(cache, key="k", value=b"v", *, namespace="n", ttl_ns=None, content_type="t"):
    return await cache.set(namespace, key, value, content_type, ttl_ns, ANY)


async def test_a_new_process_goes_on_above_the_versions_of_the_one_before(clock):
    before = cache_of(clock)
    versions = [await put(before) for _ in range(3)]
    clock.now_ns += S
    assert await put(cache_of(clock)) > max(versions)


async def test_increments_do_not_move_the_time_of_an_entry_by_what_they_take():
    now_ns = 0

    def ticking():
        nonlocal now_ns
        now_ns += 1
        return now_ns

    cache = MemoryCache(Cache(), clock=lambda: WALL_NS, monotonic=ticking)
    await cache.increment("n", "k", 1, 1000)
    for _ in range(100):
        await cache.increment("n", "k", 1, None)
    now_ns = 1010
    assert await cache.get("n", "k") is None


async def test_reclaiming_is_bounded_and_no_watcher_falls_behind_by_it(clock):
    cache = cache_of(clock)
    for index in range(RECLAIMED_AT_ONCE + 1):
        await put(cache, str(index), ttl_ns=S)
    watch = cache.watch("watched", "")
    await anext(watch)
    for index in range(TOLD_AT_ONCE + 1):
        await put(cache, str(index), namespace="watched", ttl_ns=S)
        await anext(watch)
    clock.now_ns += S
    assert cache.reclaim() == RECLAIMED_AT_ONCE
    assert cache.reclaim() == 1 + TOLD_AT_ONCE
    assert cache.reclaim() == 1
    kinds = {(await anext(watch)).kind for _ in range(TOLD_AT_ONCE + 1)}
    assert kinds == {CacheEventKind.EXPIRED}
    await watch.aclose()


async def test_the_systems_clocks_are_the_default():
    cache = MemoryCache(Cache())
    await put(cache, ttl_ns=3600 * S)
    assert (await cache.touch("n", "k", 7200 * S)).value == b"v"
    await put(cache, "brief", ttl_ns=1)
    assert await cache.get("n", "brief") is None
