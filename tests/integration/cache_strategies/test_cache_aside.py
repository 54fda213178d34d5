import asyncio

import pytest

from blrcs.cache.strategies import CacheAside, Lifetimes, WriteThrough
from blrcs.domain.errors import UnavailableError
from tests.integration.cache_strategies.sources import FailingCache, Source, settle

S = 1_000_000_000
FRESH = Lifetimes(fresh_ns=60 * S, negative_ns=5 * S)


@pytest.fixture
def source():
    return Source(a=b"1")


@pytest.fixture
def aside(cache, clock):
    return CacheAside(cache, "n", FRESH, clock=clock)


def loading(source, key="a"):
    return lambda: source.load(key)


async def test_a_value_is_kept_until_its_time_is_over(aside, source, clock):
    assert [await aside.get_or_load("a", loading(source)) for _ in range(3)] == [b"1"] * 3
    assert len(source.loads) == 1
    clock.now_ns += 60 * S
    source.values["a"] = b"2"
    assert await aside.get_or_load("a", loading(source)) == b"2"
    assert await aside.get_or_load("a", loading(source)) == b"2"
    assert len(source.loads) == 2


async def test_that_there_is_none_is_kept_too(aside, source, clock):
    assert [await aside.get_or_load("b", loading(source, "b")) for _ in range(2)] == [None] * 2
    assert len(source.loads) == 1
    clock.now_ns += 5 * S
    source.values["b"] = b"2"
    assert await aside.get_or_load("b", loading(source, "b")) == b"2"


async def test_an_old_value_that_was_loaded_before_a_change_is_not_kept(aside, source):
    source.open.clear()
    reading = asyncio.create_task(aside.get_or_load("a", loading(source)))
    await source.begun.wait()
    source.values["a"] = b"new"
    await aside.invalidate("a")
    source.open.set()
    assert await reading == b"1"
    assert await aside.get_or_load("a", loading(source)) == b"new"


async def test_an_old_value_does_not_replace_a_newer_one(aside, source):
    source.open.clear()
    reading = asyncio.create_task(aside.get_or_load("a", loading(source)))
    await source.begun.wait()
    source.values["a"] = b"new"
    await aside.invalidate("a")
    source.open.set()
    newer = asyncio.create_task(aside.get_or_load("a", loading(source)))
    assert (await reading, await newer) == (b"1", b"new")
    assert await aside.get_or_load("a", loading(source)) == b"new"


async def test_a_load_that_fails_or_is_cancelled_leaves_nothing_in_the_way(aside, source):
    source.error = RuntimeError("the store is gone")
    with pytest.raises(RuntimeError):
        await aside.get_or_load("a", loading(source))
    source.error = None
    source.open.clear()
    reading = asyncio.create_task(aside.get_or_load("a", loading(source)))
    await settle()
    reading.cancel()
    source.open.set()
    assert await aside.get_or_load("a", loading(source)) == b"1"
    assert await aside.get_or_load("a", loading(source)) == b"1"
    assert len(source.loads) == 3


@pytest.mark.parametrize("failing", ["get", "set", "compare_and_set"])
async def test_where_the_cache_fails_values_are_loaded(source, clock, failing):
    cache = FailingCache()
    cache.failing = {failing}
    aside = CacheAside(cache, "n", FRESH, clock=clock)
    assert [await aside.get_or_load("a", loading(source)) for _ in range(2)] == [b"1"] * 2
    assert len(source.loads) == 2


async def test_who_changes_a_value_is_told_where_the_cache_does_not_forget_it(clock):
    cache = FailingCache()
    cache.failing = {"delete"}
    with pytest.raises(UnavailableError):
        await CacheAside(cache, "n", FRESH, clock=clock).invalidate("a")


async def test_what_is_loaded_while_somebody_writes_is_not_kept(cache, aside, source, clock):
    async def write(key, value):
        assert await aside.get_or_load(key, loading(source)) == b"1"
        source.values[key] = value
        assert await aside.get_or_load(key, loading(source)) == b"2"

    await WriteThrough(cache, "n", write, FRESH, clock=clock).put("a", b"2")
    assert await aside.get_or_load("a", loading(source)) == b"2"
    assert len(source.loads) == 2


async def test_an_entry_that_comes_and_goes_is_in_nobodys_way(source, clock):
    class Elusive(FailingCache):
        async def get(self, namespace, key):
            return None

        async def set(self, *entry):
            return None

    aside = CacheAside(Elusive(), "n", FRESH, clock=clock)
    assert await aside.get_or_load("a", loading(source)) == b"1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lifetimes": Lifetimes(fresh_ns=1, stale_ns=1)},
        {"lifetimes": FRESH, "longest_load_ns": 0},
    ],
)
def test_times_are_within_their_bounds(cache, wrong):
    with pytest.raises(ValueError):
        CacheAside(cache, "n", **wrong)
