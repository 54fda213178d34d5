"""The caches equal a plain model, stay whole under foreign code, and leak nothing."""

import gc
import sys
import weakref

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from blrcs_native.cache import CONFLICT, NEVER_NS, TOO_LARGE, Cache, Entry, LruCache, TtlCache
from tests.unit.native.cache_model import CacheModel, Condition

TTL_NS = 100
HALF_OF_INT64 = 2**62


class FakeClock:
    """A clock that stands where it is put."""

    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now


class Colliding:
    """Equal by value to others of its kind; all have one hash, so that tables must ask __eq__."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return isinstance(other, Colliding) and self.number == other.number

    def __repr__(self):
        return f"Colliding({self.number})"


def ttl_cache(clock, **limits):
    return TtlCache(**{"max_entries": 100, "ttl_ns": TTL_NS, "clock": clock} | limits)


# Against the model

KEYS = st.one_of(
    st.integers(0, 5),
    st.sampled_from(["", "a", "ä", "ключ", "a" * 40]).map(lambda key: "".join(list(key))),
    st.integers(0, 4).map(Colliding),
    st.tuples(st.just("namespace"), st.integers(0, 2)),
)
SIZES = st.sampled_from([0, 1, 3, 10, 11])
TTLS = st.sampled_from([None, 1, 2, 60, 100, 127, 128, NEVER_NS - 1, NEVER_NS])


class CacheComparison(RuleBasedStateMachine):
    """Does the same to a cache and its model. `TTL_NS` is None for the LruCache."""

    TTL_NS = None
    MAX_ENTRIES = 6
    MAX_BYTES = 10

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.evicted = []
        limits = {
            "max_entries": self.MAX_ENTRIES,
            "max_bytes": self.MAX_BYTES,
            "on_evict": lambda *eviction: self.evicted.append(eviction),
        }
        if self.TTL_NS is None:
            self.cache = LruCache(**limits)
        else:
            self.cache = ttl_cache(self.clock, **limits)
        self.model = CacheModel(self.MAX_ENTRIES, self.MAX_BYTES, self.TTL_NS, self.clock)
        self.values = iter(range(1_000_000))

    def put(self, condition, method, key, **details):
        value = next(self.values)
        if self.TTL_NS is None:
            del details["ttl_ns"]
        assert method(key, value, **details) == self.model.put(condition, key, value, **details)

    @rule(key=KEYS, size_bytes=SIZES, ttl_ns=TTLS)
    def set(self, key, size_bytes, ttl_ns):
        details = {"size_bytes": size_bytes, "ttl_ns": ttl_ns}
        self.put(Condition.ALWAYS, self.cache.set, key, **details)

    @rule(key=KEYS, size_bytes=SIZES, ttl_ns=TTLS)
    def add(self, key, size_bytes, ttl_ns):
        details = {"size_bytes": size_bytes, "ttl_ns": ttl_ns}
        self.put(Condition.IF_ABSENT, self.cache.add, key, **details)

    @rule(key=KEYS, size_bytes=SIZES, ttl_ns=TTLS)
    def replace(self, key, size_bytes, ttl_ns):
        self.put(
            Condition.IF_PRESENT, self.cache.replace, key, size_bytes=size_bytes, ttl_ns=ttl_ns
        )

    @rule(key=KEYS, size_bytes=SIZES, ttl_ns=TTLS, is_stale=st.booleans())
    def compare_and_set(self, key, size_bytes, ttl_ns, is_stale):
        entry = self.model.peek(key)
        version = (entry.version if entry else 1) - is_stale
        details = {"size_bytes": size_bytes, "ttl_ns": ttl_ns, "version": version}
        self.put(Condition.IF_VERSION, self.cache.compare_and_set, key, **details)

    @rule(key=KEYS)
    def get(self, key):
        entry = self.model.get(key)
        assert self.cache.get(key, "absent") == (entry.value if entry else "absent")

    @rule(key=KEYS)
    def get_entry(self, key):
        expected = self.model.get(key)
        entry = self.cache.get_entry(key)
        assert (entry is None) == (expected is None)
        for name in ("value", "version", "size_bytes", "deadline_ns"):
            assert getattr(entry, name, None) == getattr(expected, name, None)

    @rule(key=KEYS)
    def peek(self, key):
        entry = self.model.peek(key)
        assert self.cache.peek(key, "absent") == (entry.value if entry else "absent")
        assert (key in self.cache) == (entry is not None)

    @rule(key=KEYS)
    def pop(self, key):
        entry = self.model.pop(key)
        assert self.cache.pop(key, "absent") == (entry.value if entry else "absent")

    @rule(key=KEYS)
    def delete(self, key):
        assert self.cache.delete(key) == (self.model.pop(key) is not None)

    @rule()
    def invalidate(self):
        assert self.cache.invalidate() == self.model.invalidate()

    @rule(limit=st.integers(0, 3))
    def reclaim(self, limit):
        assert self.cache.reclaim(limit) == self.model.reclaim(limit)

    @rule()
    def clear(self):
        self.cache.clear()
        self.model.clear()

    @invariant()
    def is_the_same(self):
        assert list(self.cache) == self.model.live_keys()
        assert len(self.cache) == len(self.model.entries)
        assert self.cache.used_bytes == self.model.used_bytes
        assert self.cache.generation == self.model.generation
        assert self.cache.stats()._asdict() == self.model.counts
        assert self.evicted == self.model.evicted

    @invariant()
    def keeps_its_limits(self):
        assert len(self.cache) <= self.MAX_ENTRIES
        assert self.cache.used_bytes <= self.MAX_BYTES


class TtlCacheComparison(CacheComparison):
    TTL_NS = TTL_NS

    @rule(step_ns=st.sampled_from([1, 2, 27, 60, 100, HALF_OF_INT64]))
    def advance(self, step_ns):
        self.clock.now = min(self.clock.now + step_ns, NEVER_NS - 1)

    @rule(key=KEYS, ttl_ns=TTLS)
    def touch(self, key, ttl_ns):
        assert self.cache.touch(key, ttl_ns) == self.model.touch(key, ttl_ns)


class LargeTtlCacheComparison(TtlCacheComparison):
    """With room for the table to grow and for probes to run into each other."""

    MAX_ENTRIES = 60
    MAX_BYTES = 1_000

    @rule(first=st.integers(6, 80), count=st.integers(1, 40), ttl_ns=TTLS)
    def set_many(self, first, count, ttl_ns):
        for key in range(first, first + count):
            self.set(key, 1, ttl_ns)

    @rule(first=st.integers(6, 80), count=st.integers(1, 40))
    def delete_many(self, first, count):
        for key in range(first, first + count):
            self.delete(key)


for machine in (CacheComparison, TtlCacheComparison, LargeTtlCacheComparison):
    machine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)

TestLruCacheEqualsModel = CacheComparison.TestCase
TestTtlCacheEqualsModel = TtlCacheComparison.TestCase
TestLargeTtlCacheEqualsModel = LargeTtlCacheComparison.TestCase


def test_many_keys_of_every_kind_are_found_again_after_growth_and_deletion():
    cache = LruCache(20_000)
    keys = [*range(5_000), *map(str, range(5_000)), *((n, "x") for n in range(5_000))]
    keys += [n << 40 for n in range(1, 5_000)]
    for key in keys:
        cache.set(key, key)
    for key in keys[::3]:
        assert cache.delete(key)
    assert [cache.get(key) for key in keys[::3]] == [None] * len(keys[::3])
    left = [key for index, key in enumerate(keys) if index % 3]
    assert [cache.get(key) for key in left] == left
    assert list(cache) == left


def test_keys_are_told_apart_by_their_text_alone():
    count = 300_000  # among so many, some share the 32 bits of hash that the table compares
    cache = LruCache(count)
    for number in range(count):
        cache.set(f"{number:08}", number)
    assert len(cache) == count


# Expiry


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


# Limits


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


# Versions and generations


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


# Foreign code inside


class Meddler:
    """A key that does something whenever it is compared."""

    def __init__(self, meddle):
        self.meddle = meddle

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return self.meddle() or self is other


OPERATIONS = {
    "get": lambda cache, key: cache.get(key),
    "get_entry": lambda cache, key: cache.get_entry(key),
    "peek": lambda cache, key: cache.peek(key),
    "contains": lambda cache, key: key in cache,
    "set": lambda cache, key: cache.set(key, "new"),
    "add": lambda cache, key: cache.add(key, "new"),
    "replace": lambda cache, key: cache.replace(key, "new"),
    "compare_and_set": lambda cache, key: cache.compare_and_set(key, "new", 1),
    "pop": lambda cache, key: cache.pop(key),
    "delete": lambda cache, key: cache.delete(key),
    "touch": lambda cache, key: cache.touch(key),
}
any_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def usable(cache):
    """Whether the cache still does all it should, after being emptied."""
    for key in list(cache):
        assert cache.delete(key)
    cache.reclaim(1_000)
    assert len(cache) == 0
    assert cache.used_bytes == 0
    for key in range(300):
        cache.set(key, key)
    found = [cache.get(key) for key in list(cache)]
    return found == list(range(200, 300))


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


def grow(cache):
    for number in range(90):
        cache.set(f"grown {number}", number)


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


@pytest.mark.parametrize("meddle", ["delete the first", "grow"])
def test_a_key_is_found_although_eq_moved_it(meddle):
    cache, moves = LruCache(1_000), []

    def move():
        if moves:
            moves.pop()()
        return False

    first, second, third = Colliding(1), Meddler(move), Colliding(3)
    for key in (first, second, third):
        cache.set(key, key)
    moves.append(lambda: grow(cache) if meddle == "grow" else cache.delete(first))
    assert cache.get(Colliding(3)) is third
    assert not moves


def test_eq_is_asked_only_where_the_hashes_are_equal():
    cache = LruCache(10)
    cache.set(Meddler(lambda: 1 // 0), "held")
    assert [cache.get(number) for number in range(1_000) if number != 7] == [None] * 999


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


# Memory


class Value:
    """Something a weak reference can watch."""

    def meet(self, *arguments):
        """A callback that keeps this value alive and answers with it."""
        return self


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


def test_memory_stays_within_the_limit_and_clearing_gives_it_back():
    cache = LruCache(100)
    empty_bytes = sys.getsizeof(cache)
    for key in range(100):
        cache.set(key, key)
    cache.set("one more", 1)
    full_bytes = sys.getsizeof(cache)
    for key in range(10_000):
        cache.set(key, key)
        cache.delete(key - 50)
    assert sys.getsizeof(cache) == full_bytes
    cache.clear()
    assert sys.getsizeof(cache) == empty_bytes


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


def test_classes_are_generic_in_annotations():
    assert LruCache[str, bytes].__origin__ is LruCache
    assert TtlCache[str, bytes].__args__ == (str, bytes)
