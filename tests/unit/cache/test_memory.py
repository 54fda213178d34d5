import pytest

from blrcs.cache.memory import RECLAIMED_AT_ONCE, TOLD_AT_ONCE, MemoryCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEventKind, Presence, SetCondition
from blrcs.domain.errors import FailedPreconditionError, ResourceExhaustedError

WALL_NS = 1_700_000_000_000_000_000
S = 1_000_000_000
ANY = SetCondition()


class Clock:
    def __init__(self):
        self.now_ns = 5

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


def cache_of(clock, **settings):
    return MemoryCache(Cache(**settings), clock=lambda: WALL_NS + clock(), monotonic=clock)


async def put(cache, key="k", value=b"v", *, namespace="n", ttl_ns=None, content_type="t"):
    return await cache.set(namespace, key, value, content_type, ttl_ns, ANY)


async def test_reading_a_namespace_that_does_not_exist_does_not_make_it(clock):
    cache = cache_of(clock, max_namespaces=1)
    assert await cache.get("n", "k") is None
    assert await cache.get_many("n", ["k"]) == []
    assert await cache.delete("n", "k") is False
    assert await cache.touch("n", "k", 1) is None
    assert await cache.flush("n") == 0
    assert (await cache.figures("n")).max_entries == 100_000
    watch = cache.watch("n", "")
    await anext(watch)
    assert await put(cache, namespace="other")
    await watch.aclose()


async def test_a_write_that_is_refused_does_not_make_its_namespace(clock):
    cache = cache_of(clock, max_namespaces=1, max_bytes=10)
    assert await cache.set("n", "k", b"", "", None, SetCondition(Presence.PRESENT)) is None
    assert await cache.set("n", "k", b"", "", None, SetCondition(version=1)) is None
    with pytest.raises(ResourceExhaustedError):
        await put(cache, value=b"x" * 11)
    assert await put(cache, namespace="other")


async def test_there_are_only_so_many_namespaces(clock):
    cache = cache_of(clock, max_namespaces=2)
    await put(cache, namespace="a")
    await cache.increment("b", "k", 1, None)
    for write in (put(cache, namespace="c"), cache.increment("c", "k", 1, None)):
        with pytest.raises(ResourceExhaustedError) as refused:
            await write
        assert refused.value.reason == "CACHE_NAMESPACES_EXHAUSTED"
    assert await put(cache, namespace="a")


async def test_someone_may_watch_a_namespace_before_it_exists(clock):
    cache = cache_of(clock)
    watch = cache.watch("n", "")
    await anext(watch)
    version = await put(cache)
    event = await anext(watch)
    assert (event.kind, event.key, event.version) == (CacheEventKind.SET, "k", version)
    await watch.aclose()


async def test_a_namespace_has_settings_of_its_own(clock):
    cache = cache_of(
        clock, default_ttl="1h", namespaces={"n": {"max_entries": 1, "default_ttl": "0s"}}
    )
    await put(cache)
    await put(cache, namespace="other")
    assert (await cache.get("n", "k")).expire_time_ns is None
    assert (await cache.get("other", "k")).expire_time_ns == WALL_NS + clock() + 3600 * S
    assert (await cache.figures("n")).max_entries == 1
    assert (await cache.figures("unmade")).max_entries == 100_000


async def test_an_entry_counts_the_bytes_of_key_value_and_content_type(clock):
    cache = cache_of(clock)
    await put(cache, key="ä", value=b"123", content_type="é")
    assert (await cache.figures("n")).size_bytes == 2 + 3 + 2


async def test_an_entry_as_large_as_the_namespace_fits_and_a_larger_one_does_not(clock):
    cache = cache_of(clock, max_bytes=10)
    await put(cache, key="a", value=b"12345678", content_type="t")
    with pytest.raises(ResourceExhaustedError) as refused:
        await put(cache, key="a", value=b"123456789", content_type="t")
    assert refused.value.reason == "CACHE_ENTRY_TOO_LARGE"
    assert (await cache.get("n", "a")).value == b"12345678"


async def test_a_new_process_goes_on_above_the_versions_of_the_one_before(clock):
    before = cache_of(clock)
    versions = [await put(before) for _ in range(3)]
    clock.now_ns += S
    assert await put(cache_of(clock)) > max(versions)


async def test_increments_do_not_move_the_time_of_an_entry_by_what_they_take():
    now_ns = 0

    def ticking():
        nonlocal now_ns
        now_ns += 1
        return now_ns

    cache = MemoryCache(Cache(), clock=lambda: WALL_NS, monotonic=ticking)
    await cache.increment("n", "k", 1, 1000)
    for _ in range(100):
        await cache.increment("n", "k", 1, None)
    now_ns = 1010
    assert await cache.get("n", "k") is None


@pytest.mark.parametrize(
    "value",
    [b"", b" 1", b"1 ", b"+1", b"1_0", b"1.0", b"-", b"\xd9\xa1", b"1\n", b"9223372036854775808"],
)
async def test_only_a_decimal_int64_can_be_incremented(clock, value):
    cache = cache_of(clock)
    version = await put(cache, value=value)
    for delta in (1, -1):
        with pytest.raises(FailedPreconditionError) as refused:
            await cache.increment("n", "k", delta, None)
        assert refused.value.reason == "NOT_A_NUMBER"
    assert (await cache.get("n", "k")).version == version


@pytest.mark.parametrize(("value", "delta"), [(2**63 - 1, 1), (-(2**63), -1)])
async def test_a_number_does_not_overflow(clock, value, delta):
    cache = cache_of(clock)
    assert await cache.increment("n", "k", value, None) == (value, WALL_NS + 5 + 1)
    with pytest.raises(FailedPreconditionError) as refused:
        await cache.increment("n", "k", delta, None)
    assert refused.value.reason == "NUMBER_OUT_OF_RANGE"
    assert (await cache.increment("n", "k", -delta, None))[0] == value - delta


async def test_incrementing_and_touching_are_no_reads(clock):
    cache = cache_of(clock)
    await cache.increment("n", "k", 1, None)
    await cache.increment("n", "k", 1, None)
    await cache.touch("n", "k", S)
    await cache.touch("n", "missing", S)
    figures = await cache.figures("n")
    assert (figures.hits, figures.misses) == (0, 0)


async def test_what_was_flushed_counts_no_more_although_its_memory_is_freed_later(clock):
    cache = cache_of(clock)
    for key in "abc":
        await put(cache, key)
    assert await cache.flush("n") == 3
    assert await cache.flush("n") == 0
    figures = await cache.figures("n")
    assert (figures.entries, figures.size_bytes) == (0, 0)
    await put(cache, "a", b"123")
    figures = await cache.figures("n")
    assert (figures.entries, figures.size_bytes) == (1, 5)
    assert await cache.flush("n") == 1
    while cache.reclaim():
        pass
    figures = await cache.figures("n")
    assert (figures.entries, figures.size_bytes, figures.expirations) == (0, 0, 0)


async def test_expired_entries_are_reclaimed_although_nobody_reads(clock):
    cache = cache_of(clock)
    for key in "abc":
        await put(cache, key, ttl_ns=S)
    await put(cache, "lasting")
    clock.now_ns += S
    assert (await cache.figures("n")).entries == 4
    assert cache.reclaim() == 3
    figures = await cache.figures("n")
    assert (figures.entries, figures.expirations) == (1, 3)
    assert cache.reclaim() == 0


async def test_reclaiming_is_bounded_and_no_watcher_falls_behind_by_it(clock):
    cache = cache_of(clock)
    for index in range(RECLAIMED_AT_ONCE + 1):
        await put(cache, str(index), ttl_ns=S)
    watch = cache.watch("watched", "")
    await anext(watch)
    for index in range(TOLD_AT_ONCE + 1):
        await put(cache, str(index), namespace="watched", ttl_ns=S)
        await anext(watch)
    clock.now_ns += S
    assert cache.reclaim() == RECLAIMED_AT_ONCE
    assert cache.reclaim() == 1 + TOLD_AT_ONCE
    assert cache.reclaim() == 1
    kinds = {(await anext(watch)).kind for _ in range(TOLD_AT_ONCE + 1)}
    assert kinds == {CacheEventKind.EXPIRED}
    await watch.aclose()


async def test_the_systems_clocks_are_the_default():
    cache = MemoryCache(Cache())
    await put(cache, ttl_ns=3600 * S)
    assert (await cache.touch("n", "k", 7200 * S)).value == b"v"
    await put(cache, "brief", ttl_ns=1)
    assert await cache.get("n", "brief") is None


async def test_an_empty_namespace_gives_way_and_its_versions_do_not_come_back(clock):
    cache = cache_of(clock, max_namespaces=1)
    first = await put(cache, namespace="a")
    with pytest.raises(ResourceExhaustedError):
        await put(cache, namespace="b")
    await cache.delete("a", "k")
    clock.now_ns += S
    await put(cache, namespace="b")
    await cache.delete("b", "k")
    clock.now_ns += S
    assert await put(cache, namespace="a") > first
