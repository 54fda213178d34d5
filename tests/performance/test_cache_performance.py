"""What a hit and a write cost in the caches."""

import pytest

from blrcs_native.cache.caches import LruCache, TtlCache

ENTRIES = 10_000
HOUR_NS = 3_600_000_000_000


@pytest.fixture(params=["lru", "ttl"])
def full_cache(request):
    cache = LruCache(ENTRIES) if request.param == "lru" else TtlCache(ENTRIES, HOUR_NS)
    for number in range(ENTRIES):
        cache.set(f"orders/{number}", number)
    return cache


def test_get_hit(benchmark, full_cache):
    assert benchmark(full_cache.get, "orders/7") == 7


def test_get_miss(benchmark, full_cache):
    assert benchmark(full_cache.get, "orders/none") is None


def test_set_over_an_entry(benchmark, full_cache):
    assert benchmark(full_cache.set, "orders/7", 8) > 0
    assert full_cache.peek("orders/7") == 8


def test_set_that_evicts(benchmark, full_cache):
    keys = iter(range(1_000_000_000))
    assert benchmark(lambda: full_cache.set(next(keys), 1)) > 0
    assert len(full_cache) == ENTRIES
