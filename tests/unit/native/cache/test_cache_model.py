"""Whatever is done to a cache and its plain model, both answer the same."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from blrcs_native.cache.caches import NEVER_NS, LruCache
from tests.unit.native.cache.cache_factory import (
    HALF_OF_INT64,
    TTL_NS,
    Colliding,
    FakeClock,
    ttl_cache,
)
from tests.unit.native.cache.cache_model import CacheModel, Condition

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
