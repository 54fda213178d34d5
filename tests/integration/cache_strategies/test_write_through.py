import asyncio

import pytest

from blrcs.cache.strategies import Lifetimes, ReadOptions, ReadThrough, WriteThrough
from blrcs.domain.errors import OutcomeUnknownError, UnavailableError
from tests.integration.cache_strategies.sources import FailingCache, Source, settle

S = 1_000_000_000
LIFETIMES = Lifetimes(fresh_ns=60 * S, negative_ns=5 * S)


@pytest.fixture
def source():
    return Source(a=b"1")


class Store:
    """Writes to a source; waits before and after as it is told."""

    def __init__(self, source):
        self.source = source
        self.before = asyncio.Event()
        self.after = asyncio.Event()
        self.before.set()
        self.after.set()
        self.error = None
        self.written = []

    async def __call__(self, key, value):
        await self.before.wait()
        if self.error is not None:
            raise self.error
        self.written.append((key, value))
        if value is None:
            self.source.values.pop(key, None)
        else:
            self.source.values[key] = value
        await self.after.wait()


@pytest.fixture
def store(source):
    return Store(source)


def both(cache, source, store, clock, **options):
    read = ReadThrough(
        cache,
        "n",
        LIFETIMES,
        load=source.load,
        options=ReadOptions(early_beta=0),
        clock=clock,
        monotonic=clock,
    )
    return read, WriteThrough(cache, "n", store, LIFETIMES, clock=clock, **options)


async def test_what_is_written_is_stored_and_read_from_the_cache(cache, source, store, clock):
    read, write = both(cache, source, store, clock)
    await read.get("a")
    await write.put("a", b"2")
    assert store.written == [("a", b"2")]
    assert await read.get("a") == b"2"
    await write.delete("a")
    assert await read.get("a") is None
    assert source.loads == [("a",)]


async def test_without_a_mark_in_the_cache_nothing_is_written(source, store, clock):
    cache = FailingCache()
    read, write = both(cache, source, store, clock)
    await read.get("a")
    cache.failing = {"set"}
    with pytest.raises(UnavailableError):
        await write.put("a", b"2")
    assert store.written == []
    assert await read.get("a") == b"1"


async def test_where_the_cache_fails_afterwards_the_write_has_succeeded_and_reads_load(
    source, store, clock
):
    cache = FailingCache()
    read, write = both(cache, source, store, clock)
    await read.get("a")
    cache.failing = {"compare_and_set"}
    await write.put("a", b"2")
    cache.failing = set()
    assert await read.get("a") == b"2"


@pytest.mark.parametrize("error", [RuntimeError("no"), asyncio.CancelledError()])
async def test_where_the_store_fails_reads_load_and_nothing_old_is_kept(
    cache, source, store, clock, error
):
    read, write = both(cache, source, store, clock)
    await read.get("a")
    store.error = error
    with pytest.raises(type(error)):
        await write.put("a", b"2")
    assert await read.get("a") == b"1"
    source.values["a"] = b"2"  # it was written after all
    assert await read.get("a") == b"2"


async def test_a_store_that_takes_too_long_is_not_waited_for(cache, source, store, clock):
    _, write = both(cache, source, store, clock, write_timeout_ns=1_000_000)
    store.before.clear()
    with pytest.raises(OutcomeUnknownError) as refused:
        await write.put("a", b"2")
    assert (refused.value.code, refused.value.reason) == ("UNKNOWN", "OUTCOME_UNKNOWN")


async def test_a_stores_own_time_out_is_its_error(cache, source, store, clock):
    _, write = both(cache, source, store, clock)
    store.error = TimeoutError("of the driver")
    with pytest.raises(TimeoutError, match="of the driver"):
        await write.put("a", b"2")


async def test_of_two_writers_the_cache_never_keeps_the_one_that_lost(cache, source, store, clock):
    read, write = both(cache, source, store, clock)
    store.after.clear()
    first = asyncio.create_task(write.put("a", b"first"))
    await settle()
    second = asyncio.create_task(write.put("a", b"second"))
    await settle()
    # The second is done before the first, which the store took before it.
    store.after.set()
    await second
    await first
    assert store.written == [("a", b"first"), ("a", b"second")]
    assert await read.get("a") == b"second"


async def test_a_read_that_began_before_a_write_does_not_undo_it(cache, source, store, clock):
    read, write = both(cache, source, store, clock)
    source.open.clear()
    reading = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    await write.put("a", b"2")
    source.open.set()
    assert await reading == b"1"
    assert await read.get("a") == b"2"


async def test_who_comes_after_a_write_does_not_join_a_load_that_began_within_it(
    source, store, clock
):
    cache = FailingCache()
    read, write = both(cache, source, store, clock)
    store.before.clear()
    writing = asyncio.create_task(write.put("a", b"2"))
    await settle()
    source.open.clear()
    within = asyncio.create_task(read.get("a"))
    await settle()
    cache.failing = {"compare_and_set"}  # so that the mark stays
    store.before.set()
    await writing
    after = asyncio.create_task(read.get("a"))
    await settle()
    source.open.set()
    assert (await within, await after) == (b"1", b"2")


def test_times_are_within_their_bounds(cache, store):
    with pytest.raises(ValueError):
        WriteThrough(cache, "n", store, LIFETIMES, write_timeout_ns=0)
