"""What a cache promises: entries expire, keep within limits, and have versions."""

import pytest

from blrcs_native.cache.caches import (
    CONFLICT,
    NEVER_NS,
    TOO_LARGE,
    Cache,
    Entry,
    LruCache,
    TtlCache,
)
from tests.unit.native.cache.cache_factory import HALF_OF_INT64, TTL_NS, FakeClock, ttl_cache


def test_an_entry_expires_exactly_at_its_deadline():
    clock = FakeClock(1_000)
    cache = ttl_cache(clock)
    cache.set("a", 1)
    clock.now = 1_000 + TTL_NS - 1
    assert cache.get("a") == 1
    assert cache.get_entry("a").deadline_ns == 1_000 + TTL_NS
    clock.now += 1
    assert "a" not in cache
    assert cache.peek("a") is None
    assert cache.get("a") is None
    assert cache.stats().expirations == 1


def test_expired_entries_go_without_waiting_for_their_turn_in_the_order_of_use():
    clock = FakeClock()
    cache = ttl_cache(clock)
    for key in range(50):
        cache.set(key, key)
    clock.now = TTL_NS
    for write in range(25):
        cache.set("new", write)
    assert len(cache) == 1
    assert cache.stats().evictions == 0


def test_a_live_entry_is_not_evicted_while_an_expired_one_heads_a_list():
    clock = FakeClock()
    cache = ttl_cache(clock, max_entries=3)
    cache.set("lives", 1)
    cache.set("short", 2, ttl_ns=1)
    cache.set("used last", 3)
    clock.now = 1
    cache.set("new", 4)
    assert list(cache) == ["lives", "used last", "new"]


def test_an_entry_waits_at_most_as_long_again_as_its_ttl():
    clock = FakeClock()
    cache = ttl_cache(clock)
    cache.set("longest of its list", 1, ttl_ns=127)
    cache.set("shortest of its list", 2, ttl_ns=64)
    clock.now = 64
    cache.set("x", 3)
    assert len(cache) == 3
    clock.now = 128
    assert cache.reclaim(10) == 2
    assert list(cache) == ["x"]


def test_the_default_clock_is_monotonic_and_needs_no_python_call():
    cache = TtlCache(10, 3_600_000_000_000)
    cache.set("a", 1)
    assert cache.get("a") == 1
    cache.set("b", 1, ttl_ns=1)
    while "b" in cache:
        pass


@pytest.mark.parametrize("now", [-(2**63), -5, 0, 5, HALF_OF_INT64])
def test_never_is_never_by_any_clock(now):
    clock = FakeClock(now)
    cache = ttl_cache(clock)
    cache.set("a", 1, ttl_ns=NEVER_NS)
    assert cache.get_entry("a").deadline_ns is None
    clock.now = NEVER_NS - 1
    assert cache.get("a") == 1


def test_a_clock_that_raises_changes_nothing():
    cache = ttl_cache(clock=lambda: 1 // 0)
    calls = (lambda: cache.set("a", 1), lambda: cache.get("a"), lambda: list(cache))
    for call in calls:
        with pytest.raises(ZeroDivisionError):
            call()
    assert len(cache) == 0
    assert set(cache.stats()) == {0}


@pytest.mark.parametrize("method", ["set", "add"])
def test_an_entry_over_the_whole_limit_is_refused_and_evicts_nobody(method):
    cache = LruCache(10, max_bytes=100)
    cache.set("a", 1, 50)
    cache.set("b", 1, 50)
    assert getattr(cache, method)("c", 1, 101) == TOO_LARGE
    assert list(cache) == ["a", "b"]
    assert cache.set("a", 2, 101) == TOO_LARGE
    assert cache.peek("a") == 1
    assert cache.stats().refusals == 2


def test_an_entry_as_large_as_the_limit_takes_all_of_it():
    cache = LruCache(10, max_bytes=100)
    for key in range(10):
        cache.set(key, key, 10)
    assert cache.set("large", 1, 100) > 0
    assert list(cache) == ["large"]
    assert cache.used_bytes == 100


def test_an_update_that_grows_evicts_others_and_one_that_shrinks_gives_room():
    cache = LruCache(10, max_bytes=100)
    cache.set("a", 1, 40)
    cache.set("b", 1, 60)
    cache.set("a", 2, 41)
    assert list(cache) == ["a"]
    cache.set("a", 3, 1)
    assert cache.used_bytes == 1


def test_size_of_is_asked_unless_the_size_is_given():
    cache = LruCache(10, max_bytes=100, size_of=lambda key, value: len(key) + len(value))
    cache.set("abc", b"1234")
    cache.set("b", b"1234", 50)
    assert cache.used_bytes == 57


def test_a_byte_limit_without_a_size_is_an_error():
    with pytest.raises(TypeError, match="size_bytes"):
        LruCache(10, max_bytes=100).set("a", 1)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: LruCache(0), ValueError),
        (lambda: LruCache(-1), ValueError),
        (lambda: LruCache(2**30 + 1), ValueError),
        (lambda: LruCache(1, max_bytes=0), ValueError),
        (lambda: LruCache(1, max_bytes=2**52), ValueError),
        (lambda: LruCache("1"), TypeError),
        (lambda: TtlCache(1, 0), ValueError),
        (lambda: TtlCache(1, None), TypeError),
        (lambda: TtlCache(1, 2**63), OverflowError),
        (lambda: TtlCache(1, 1).set("a", 1, ttl_ns=-1), ValueError),
        (lambda: TtlCache(1, 1).touch("a", 0), ValueError),
        (lambda: LruCache(1).set("a", 1, -1), ValueError),
        (lambda: LruCache(1).set([], 1), TypeError),
        (lambda: LruCache(1).get([]), TypeError),
        (Cache, TypeError),
        (Entry, TypeError),
    ],
)
def test_what_is_out_of_range_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_versions_rise_through_deletion_clearing_and_invalidation():
    cache = LruCache(10)
    versions = [cache.set("a", 1), cache.set("a", 2)]
    cache.delete("a")
    versions.append(cache.add("a", 3))
    cache.clear()
    versions.append(cache.set("a", 4))
    cache.invalidate()
    versions.append(cache.set("a", 5))
    assert versions == [1, 2, 3, 4, 5]
    assert cache.compare_and_set("a", 6, 4) == CONFLICT
    assert cache.compare_and_set("a", 6, 5) == 6
    assert cache.get("a") == 6


def test_invalidation_touches_no_entry_and_later_writes_reclaim_them():
    reported = []
    cache = LruCache(1_000, on_evict=lambda *eviction: reported.append(eviction))
    for key in range(100):
        cache.set(key, key)
    assert cache.invalidate() == 1
    assert (reported, len(cache), list(cache)) == ([], 100, [])
    assert cache.get(99) is None
    assert reported == [(99, 99, "invalidated")]
    for key in range(1_000, 1_050):
        cache.set(key, key)
    assert list(cache) == list(range(1_000, 1_050))
    assert len(cache) == 50
    assert cache.stats().invalidations == 100


def test_classes_are_generic_in_annotations():
    assert LruCache[str, bytes].__origin__ is LruCache
    assert TtlCache[str, bytes].__args__ == (str, bytes)
