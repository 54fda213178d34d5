"""`__eq__` and `__hash__` of keys may raise and may change the cache, which stays whole."""

import weakref

import pytest

from blrcs_native.cache.caches import LruCache
from tests.unit.native.cache.cache_factory import (
    Colliding,
    FakeClock,
    Meddler,
    grow,
    ttl_cache,
    usable,
)
from tests.unit.native.cache.cache_operations import any_operation


@any_operation
def test_an_exception_from_eq_reaches_the_caller_and_changes_nothing(operation):
    cache = ttl_cache(FakeClock())
    cache.set(Meddler(lambda: 1 // 0), "held")
    before = (cache.stats(), len(cache), cache.used_bytes)
    with pytest.raises(ZeroDivisionError):
        operation(cache, Colliding(1))
    assert (cache.stats(), len(cache), cache.used_bytes) == before
    cache.clear()
    assert usable(cache)


@any_operation
def test_an_exception_from_hash_reaches_the_caller_and_changes_nothing(operation):
    class Unhashable:
        def __hash__(self):
            raise LookupError

    cache = ttl_cache(FakeClock())
    cache.set("a", 1)
    before = (cache.stats(), list(cache))
    with pytest.raises(LookupError):
        operation(cache, Unhashable())
    assert (cache.stats(), list(cache)) == before


MEDDLING = {
    "clear": lambda cache: cache.clear(),
    "invalidate": lambda cache: cache.invalidate(),
    "delete": lambda cache: [cache.delete(key) for key in list(cache) if isinstance(key, str)],
    "grow": grow,
    "evict": lambda cache: [cache.set(number, number) for number in range(200)],
    "reclaim": lambda cache: (cache.invalidate(), cache.reclaim(1_000)),
}


@any_operation
@pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)
def test_eq_may_change_the_cache_in_any_way(operation, meddle):
    cache = ttl_cache(FakeClock())
    times = iter(range(3))

    def meddle_at_first():
        if next(times, None) is not None:
            meddle(cache)
        return False

    for _ in range(3):
        cache.set(Meddler(meddle_at_first), "held")
    cache.set("text", "held")
    operation(cache, Colliding(1))
    assert usable(cache)


REMOVAL = {
    "clear": lambda cache, held: cache.clear(),
    "delete": lambda cache, held: cache.delete(held),
    "pop": lambda cache, held: cache.pop(held),
    "evict": lambda cache, held: [cache.set(str(number), number) for number in range(100)],
    "reclaim": lambda cache, held: (cache.invalidate(), cache.reclaim(1_000)),
}
any_removal = pytest.mark.parametrize("remove", REMOVAL.values(), ids=REMOVAL)


@any_operation
@any_removal
def test_eq_that_takes_its_own_entry_out_hides_it(operation, remove):
    def take_out():
        remove(cache, held)
        return True

    cache = ttl_cache(FakeClock())
    held = Meddler(take_out)
    cache.set(held, "held")
    assert operation(cache, Colliding(1)) != "held"
    assert all(key is not held for key in cache)
    assert usable(cache)


@any_removal
def test_a_key_lives_through_its_own_comparison(remove):
    class Undecided(Meddler):
        __hash__ = Meddler.__hash__

        def __eq__(self, other):
            self.meddle()
            return NotImplemented

    class Reflected(Colliding):
        __hash__ = Colliding.__hash__

        def __eq__(self, other):
            seen.append(other is watch())
            return False

    cache, seen, holder = LruCache(50), [], []
    holder.append(Undecided(lambda: remove(cache, holder.pop()) if holder else None))
    watch = weakref.ref(holder[0])
    cache.set(holder[0], 1)
    assert cache.get(Reflected(1)) is None
    assert seen == [True]


def test_hash_may_use_the_cache():
    cache = LruCache(100)

    class Key:
        def __hash__(self):
            cache.set("from hash", 1)
            cache.clear()
            return 1

    key = Key()
    cache.set(key, 2)
    assert cache.get(key) is None
    cache.clear()
    assert usable(cache)
