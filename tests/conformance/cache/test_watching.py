"""Watching: who is told of what, and in which order."""

import asyncio

import pytest

from blrcs.cache import watchers
from blrcs.domain.cache_entry import CacheEvent, CacheEventKind
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from tests.conformance.cache.test_entries import S, put


async def take(watch, count):
    async with asyncio.timeout(30):
        return [await anext(watch) for _ in range(count)]


async def overtake(store, watch):
    while True:
        for number in range(30):
            await put(store, str(number))
        await anext(watch)


async def test_a_watch_tells_of_what_any_does_in_its_order(make):
    world = await make()
    watch = world.stores[-1].watch("n", "a")
    assert (await anext(watch)).kind is CacheEventKind.STARTED
    first = await put(world.store, "abc")
    await put(world.store, "b")
    second = (await world.stores[-1].increment("n", "a", 1, None))[1]
    await world.store.touch("n", "a", 60 * S)
    await world.store.delete("n", "abc")
    await world.stores[-1].flush("n")
    assert await take(watch, 4) == [
        CacheEvent(CacheEventKind.SET, "abc", first),
        CacheEvent(CacheEventKind.SET, "a", second),
        CacheEvent(CacheEventKind.DELETED, "abc", first),
        CacheEvent(CacheEventKind.FLUSHED),
    ]
    await watch.aclose()


async def test_someone_may_watch_a_namespace_before_it_exists(make):
    world = await make()
    watch = world.store.watch("n", "")
    await anext(watch)
    await put(world.store, namespace="other")
    version = await put(world.stores[-1], "{ä} \n")
    assert await take(watch, 1) == [CacheEvent(CacheEventKind.SET, "{ä} \n", version)]
    await watch.aclose()


async def test_a_watch_tells_of_what_gives_way_and_of_what_is_over(make):
    world = await make(max_entries=1)
    watch = world.store.watch("n", "")
    await anext(watch)
    first = await put(world.store, "a")
    second = await put(world.store, "b", ttl_ns=60 * S)
    world.advance(60 * S)
    assert await world.store.get("n", "b") is None
    third = await put(world.store, "c", ttl_ns=60 * S)
    world.advance(60 * S)
    assert await world.reclaim() == 1
    assert await take(watch, 6) == [
        CacheEvent(CacheEventKind.SET, "a", first),
        CacheEvent(CacheEventKind.EVICTED, "a", first),
        CacheEvent(CacheEventKind.SET, "b", second),
        CacheEvent(CacheEventKind.EXPIRED, "b", second),
        CacheEvent(CacheEventKind.SET, "c", third),
        CacheEvent(CacheEventKind.EXPIRED, "c", third),
    ]
    await watch.aclose()


async def test_watches_of_one_namespace_begin_and_end_without_each_other(make):
    world = await make()
    store = world.stores[-1]
    first = store.watch("n", "")
    await anext(first)
    second = store.watch("n", "b")
    await anext(second)
    await first.aclose()
    version = await put(world.store, "b")
    assert await take(second, 1) == [CacheEvent(CacheEventKind.SET, "b", version)]
    await second.aclose()
    third = store.watch("n", "")
    await anext(third)
    version = await put(world.store, "b")
    assert await take(third, 1) == [CacheEvent(CacheEventKind.SET, "b", version)]
    await third.aclose()


async def test_a_watcher_that_does_not_read_is_let_go(make, monkeypatch):
    world = await make()
    slow = world.stores[-1].watch("n", "")
    await anext(slow)
    monkeypatch.setattr(watchers, "MAX_PENDING", 10)
    async with asyncio.timeout(30):
        with pytest.raises(ResourceExhaustedError) as ended:
            await overtake(world.store, slow)
    assert ended.value.reason == "WATCHER_TOO_SLOW"


async def test_watches_end_where_their_process_does(make):
    store = (await make()).store
    watch = store.watch("n", "")
    await anext(watch)
    store.finish_watching()
    with pytest.raises(UnavailableError) as ended:
        await anext(watch)
    assert ended.value.reason == "SERVER_DRAINING"
    with pytest.raises(UnavailableError):
        await anext(store.watch("n", ""))
