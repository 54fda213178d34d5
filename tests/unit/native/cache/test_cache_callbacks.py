"""Callbacks and finalizers may use the very cache that runs them."""

import sys

import pytest

from blrcs_native.cache.caches import CONFLICT, LruCache
from tests.unit.native.cache.cache_factory import TTL_NS, FakeClock, grow, ttl_cache, usable


def test_callbacks_may_use_the_cache_that_calls_them():
    reported = []

    def on_evict(key, value, reason):
        reported.append(key)
        assert key not in cache
        assert len(cache) <= 3
        cache.delete(3)
        if key == 0:
            cache.set("from callback", 1)

    cache = LruCache(3, on_evict=on_evict)
    for key in range(5):
        cache.set(key, key)
    assert reported == [0, 1]
    assert list(cache) == [2, "from callback", 4]


def test_a_callback_may_refill_the_very_key_that_is_being_written():
    clock = FakeClock()
    cache = ttl_cache(clock, on_evict=lambda key, value, reason: cache.set(key, "refilled"))
    cache.set("a", 1)
    clock.now = TTL_NS
    cache.set("a", 2)
    assert (list(cache), cache.get("a")) == (["a"], 2)
    clock.now += TTL_NS
    assert cache.add("a", 3) == CONFLICT
    assert cache.get("a") == "refilled"


def test_a_callback_that_clears_leaves_nothing_to_evict():
    cache = LruCache(100, max_bytes=10, on_evict=lambda *_: cache.clear())
    for key in range(10):
        cache.set(key, key, 1)
    assert cache.set("large", 1, 10) > 0
    assert len(cache) == 0
    assert usable(LruCache(100))


def test_a_callback_that_always_inserts_ends_in_a_recursion_error_and_keeps_the_limit(monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)  # Python code could not run there
    cache = LruCache(5, on_evict=lambda *_: cache.set(object(), 1))
    for key in range(6):
        cache.set(key, key)
    assert {args.exc_type for args in raised} == {RecursionError}
    assert len(cache) == 5


def test_what_a_callback_raises_goes_to_the_unraisable_hook_and_the_call_succeeds(monkeypatch):
    seen = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda args: seen.append((args.exc_type, args.object))
    )

    def on_evict(key, value, reason):
        raise LookupError(key)

    cache = LruCache(1, max_bytes=10, on_evict=on_evict)
    cache.set("a", 1, 1)
    assert cache.set("b", 2, 1) == 2
    assert seen == [(LookupError, on_evict)]
    assert list(cache) == ["b"]


def test_a_callback_learns_why():
    clock = FakeClock()
    reported = []
    cache = ttl_cache(clock, max_entries=1, on_evict=lambda *eviction: reported.append(eviction))
    cache.set("a", 1)
    cache.set("b", 2)
    clock.now = TTL_NS
    cache.get("b")
    cache.set("c", 3)
    cache.invalidate()
    cache.reclaim(1)
    cache.set("d", 4)
    cache.set("d", 5)
    cache.delete("d")
    cache.set("e", 6)
    cache.clear()
    assert reported == [("a", 1, "capacity"), ("b", 2, "expired"), ("c", 3, "invalidated")]


class Finalized:
    """A value that does something when it dies."""

    def __init__(self, finalize):
        self.finalize = finalize

    def __del__(self):
        self.finalize()


@pytest.mark.parametrize(
    "end",
    [
        lambda cache: cache.set("a", 1),
        lambda cache: cache.delete("a"),
        lambda cache: cache.pop("a"),
        lambda cache: cache.clear(),
        lambda cache: (cache.invalidate(), cache.reclaim(9)),
        lambda cache: [cache.set(number, number) for number in range(100)],
    ],
    ids=["update", "delete", "pop", "clear", "reclaim", "evict"],
)
def test_finalizers_find_the_cache_whole(end):
    cache = ttl_cache(FakeClock())
    seen = []

    def finalize():
        seen.append(cache.peek("a", "absent"))
        cache.set("from finalizer", 1)
        cache.clear()
        grow(cache)

    cache.set("a", Finalized(finalize))
    end(cache)
    assert seen in (["absent"], [1])
    assert usable(cache)


def test_a_finalizer_that_puts_its_value_back_does_not_keep_clear_from_ending():
    cache = LruCache(10)
    for key in range(5):
        cache.set(key, Finalized(lambda key=key: cache.set(key, "back")))
    cache.clear()
    assert sorted(cache) == [0, 1, 2, 3, 4]
