"""Caches give back every reference, and the garbage collector sees through them."""

import gc
import sys
import weakref

import pytest

from blrcs_native.cache.caches import LruCache, TtlCache
from tests.unit.native.cache.cache_factory import (
    TTL_NS,
    Colliding,
    FakeClock,
    Meddler,
    Value,
    ttl_cache,
)
from tests.unit.native.cache.cache_operations import any_operation


def test_references_are_given_back_on_every_road():
    clock = FakeClock()
    cache = ttl_cache(clock, max_entries=8, max_bytes=1_000)
    key, value = Colliding(1), Value()

    def counts():
        return sys.getrefcount(key), sys.getrefcount(value)

    before = counts()
    for _ in range(50):
        cache.set(key, value, 1)
        cache.set(Colliding(1), value, 1)
        cache.add(key, value, 1)
        cache.replace(key, value, 1)
        cache.compare_and_set(key, value, cache.get_entry(key).version, 1)
        cache.set(key, value, 2_000)
        cache.get(key)
        cache.peek(key)
        cache.touch(key)
        list(cache)
        cache.pop(key)
        cache.set(key, value, 1)
        cache.delete(key)
        cache.set(key, value, 1)
        clock.now += TTL_NS
        cache.get(key)
        cache.set(key, value, 1)
        for number in range(10):
            cache.set(number, number, 1)
        cache.set(key, value, 1)
        cache.invalidate()
        cache.reclaim(100)
        cache.set(key, value, 1)
        cache.clear()
    assert counts() == before
    cache.set(key, value, 1)
    assert counts() == (before[0] + 1, before[1] + 1)
    del cache
    assert counts() == before


@any_operation
def test_an_exception_leaks_no_reference(operation):
    cache = ttl_cache(FakeClock())
    held, key = Meddler(lambda: 1 // 0), Colliding(1)
    cache.set(held, "held")
    before = sys.getrefcount(held), sys.getrefcount(key)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            operation(cache, key)
    assert (sys.getrefcount(held), sys.getrefcount(key)) == before


def test_what_a_callback_answers_is_given_back():
    answer = Value()
    before = sys.getrefcount(answer)
    cache = LruCache(1, on_evict=answer.meet)
    for key in range(10):
        cache.set(key, key)
    del cache
    assert sys.getrefcount(answer) == before


either_cache = pytest.mark.parametrize("make", [lambda: LruCache(10), lambda: TtlCache(10, TTL_NS)])


@either_cache
@pytest.mark.parametrize("in_key", [False, True])
def test_a_cycle_through_a_cache_is_collected(make, in_key):
    cache = make()
    value = Value()
    value.cache = cache
    cache.set(*((value, 1) if in_key else (1, value)))
    watch = weakref.ref(value)
    del cache, value
    gc.collect()
    assert watch() is None


@either_cache
def test_a_cycle_that_only_the_cache_can_break_is_collected(make):
    class Watched:
        """Looked for by its class: the collector clears weak references even if it then fails."""

    cache = make()
    cache.set(1, (cache, Watched()))
    del cache
    gc.collect()
    assert not any(isinstance(found, Watched) for found in gc.get_objects())


def test_a_cycle_through_the_callbacks_is_collected():
    value = Value()
    value.cache = LruCache(10, on_evict=value.meet, size_of=value.meet)
    watch = weakref.ref(value)
    del value
    gc.collect()
    assert watch() is None


def test_the_collector_is_shown_what_can_lead_on_and_nothing_else():
    cache = LruCache(10)
    for number in range(5):
        cache.set(str(number), b"value")
    assert b"value" not in gc.get_referents(cache)
    value = Value()
    cache.set("x", value)
    assert value in gc.get_referents(cache)
    cache.set("x", 1)
    assert value not in gc.get_referents(cache)


def test_the_collector_may_run_while_callbacks_use_the_cache():
    cache = LruCache(20, on_evict=lambda *_: gc.collect())
    for number in range(60):
        cache.set(number, [Value()])
        cache.set(Colliding(number % 7), [cache])
    assert len(cache) == 20


def test_an_emptied_cache_holds_no_entries_alive():
    cache = LruCache(10)
    value = Value()
    watch = weakref.ref(value)
    cache.set("a", value)
    entry = cache.get_entry("a")
    del value
    cache.clear()
    assert watch() is entry.value
    del entry
    assert watch() is None
