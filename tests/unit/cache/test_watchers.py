import asyncio
import gc
import weakref

import pytest

from blrcs.cache import watchers as module
from blrcs.cache.watchers import MAX_PENDING, MAX_WATCHERS, Watchers
from blrcs.domain.cache_entry import CacheEvent, CacheEventKind
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError

SET = CacheEventKind.SET
STARTED = CacheEvent(CacheEventKind.STARTED)


async def started(watchers, namespace="n", key_prefix=""):
    watch = watchers.watch(namespace, key_prefix)
    assert await anext(watch) == STARTED
    return watch


async def test_a_watcher_is_told_what_happens_after_it_started():
    watchers = Watchers()
    watchers.tell("n", SET, "before", 1)
    watch = await started(watchers)
    watchers.tell("n", SET, "a", 2)
    watchers.tell("n", CacheEventKind.FLUSHED)
    assert await anext(watch) == CacheEvent(SET, "a", 2)
    assert await anext(watch) == CacheEvent(CacheEventKind.FLUSHED)
    await watch.aclose()


async def test_a_watcher_that_waits_is_woken():
    watchers = Watchers()
    watch = await started(watchers)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    assert not waiting.done()
    watchers.tell("n", SET, "a", 1)
    assert await waiting == CacheEvent(SET, "a", 1)
    await watch.aclose()


async def test_other_namespaces_and_prefixes_are_not_told_but_a_flush_is():
    watchers = Watchers()
    watch = await started(watchers, key_prefix="user/")
    watchers.tell("other", SET, "user/1", 1)
    watchers.tell("n", SET, "order/1", 2)
    watchers.tell("n", CacheEventKind.FLUSHED)
    watchers.tell("n", SET, "user/2", 3)
    assert await anext(watch) == CacheEvent(CacheEventKind.FLUSHED)
    assert await anext(watch) == CacheEvent(SET, "user/2", 3)
    await watch.aclose()


async def test_a_watcher_may_be_behind_by_as_many_events_as_are_kept():
    watchers = Watchers()
    watch = await started(watchers)
    for version in range(MAX_PENDING):
        watchers.tell("n", SET, "a", version)
    assert [(await anext(watch)).version for _ in range(MAX_PENDING)] == list(range(MAX_PENDING))
    watchers.tell("n", SET, "a", MAX_PENDING)
    assert (await anext(watch)).version == MAX_PENDING
    await watch.aclose()


async def test_a_watcher_that_falls_behind_is_ended_and_holds_nothing():
    watchers = Watchers()
    watch = await started(watchers)
    other = await started(watchers)
    kept = asyncio.ensure_future(anext(other))
    await asyncio.sleep(0)
    for version in range(MAX_PENDING):
        watchers.tell("n", SET, "a", version)
    await kept
    assert watchers.count("n") == 2
    watchers.tell("n", SET, "a", MAX_PENDING)
    assert watchers.count("n") == 1, "it is let go at once, even if its reader never comes back"
    assert not watch.ag_frame.f_locals["watcher"]._pending
    with pytest.raises(ResourceExhaustedError) as refused:
        await anext(watch)
    assert refused.value.reason == "WATCHER_TOO_SLOW"
    assert (await anext(other)).version == 1, "the others go on"
    await other.aclose()


async def test_the_watchers_of_a_namespace_are_bounded(monkeypatch):
    assert MAX_WATCHERS == 256
    monkeypatch.setattr(module, "MAX_WATCHERS", 2)
    watchers = Watchers()
    first, second = await started(watchers), await started(watchers)
    with pytest.raises(ResourceExhaustedError) as refused:
        await anext(watchers.watch("n", ""))
    assert refused.value.reason == "TOO_MANY_WATCHERS"
    elsewhere = await started(watchers, "other")
    await first.aclose()
    third = await started(watchers)
    for watch in (second, third, elsewhere):
        await watch.aclose()


@pytest.mark.parametrize("is_waiting", [False, True])
async def test_a_watcher_that_leaves_leaves_nothing_behind(is_waiting):
    watchers = Watchers()
    watch = await started(watchers)
    watcher = weakref.ref(watch.ag_frame.f_locals["watcher"])
    if is_waiting:
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        del waiting
    else:
        await watch.aclose()
    del watch
    gc.collect()
    assert (watchers.count("n"), watchers._watching, watcher()) == (0, {}, None)


async def test_finishing_ends_every_watch_and_admits_no_other():
    watchers = Watchers()
    waiting = asyncio.ensure_future(anext(first := await started(watchers)))
    second = await started(watchers, "other")
    watchers.tell("other", SET, "a", 1)
    await asyncio.sleep(0)
    watchers.finish()
    for ended in (waiting, anext(second), anext(watchers.watch("n", ""))):
        with pytest.raises(UnavailableError) as caught:
            await ended
        assert caught.value.reason == "SERVER_DRAINING"
    await first.aclose()
    assert watchers.count("n") == watchers.count("other") == 0
