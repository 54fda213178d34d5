import asyncio
import contextvars
import time

import pytest

from blrcs.cache.strategies import Lifetimes, ReadOptions, ReadThrough, StrategyMetrics
from blrcs.domain.deadline import call_deadline_ns, remaining_s
from blrcs.domain.errors import NotFoundError, ResourceExhaustedError, UnavailableError
from tests.integration.cache_strategies.sources import FailingCache, Source, settle

S = 1_000_000_000
FRESH = Lifetimes(fresh_ns=60 * S)
PATIENT = Lifetimes(fresh_ns=60 * S, stale_ns=600 * S, negative_ns=5 * S)


@pytest.fixture
def source():
    return Source(a=b"1", b=b"2")


@pytest.fixture
async def reading(cache, clock, source):
    """Makes read-throughs of one namespace; closes them at the end."""
    made = []

    def make(lifetimes=FRESH, *, many=False, cache=cache, early_beta=0, **options):
        load = {"load_many": source.load_many} if many else {"load": source.load}
        taken = {
            name: options.pop(name) for name in ("metrics", "rand", "pending") if name in options
        }
        read = ReadThrough(
            cache,
            "n",
            lifetimes,
            **load,
            **taken,
            options=ReadOptions(early_beta=early_beta, **options),
            clock=clock,
            monotonic=clock,
        )
        made.append(read)
        return read

    yield make
    await settle()
    assert all(read._flights._flights == {} and not read._flights._waiting for read in made)


async def test_a_value_is_loaded_once_and_then_kept_until_its_time_is_over(reading, source, clock):
    read = reading()
    assert [await read.get("a") for _ in range(3)] == [b"1"] * 3
    await settle()
    clock.now_ns += 60 * S - 1
    assert await read.get("a") == b"1"
    assert source.loads == [("a",)]
    source.values["a"] = b"new"
    clock.now_ns += 1
    assert await read.get("a") == b"new"
    assert source.loads == [("a",), ("a",)]


async def test_a_thousand_concurrent_misses_make_one_load(reading, source):
    read = reading()
    source.open.clear()
    callers = [asyncio.create_task(read.get("a")) for _ in range(1000)]
    await source.begun.wait()
    source.open.set()
    assert await asyncio.gather(*callers) == [b"1"] * 1000
    assert source.loads == [("a",)]


async def test_the_first_callers_end_is_not_the_others(reading, source):
    read = reading()
    source.open.clear()
    first, second = (asyncio.create_task(read.get("a")) for _ in range(2))
    await source.begun.wait()
    first.cancel()
    await settle()
    source.open.set()
    assert await second == b"1"
    assert first.cancelled()
    assert source.loads == [("a",)]


async def test_a_load_that_nobody_waits_for_is_cancelled_and_the_next_caller_has_another(
    reading, source
):
    read = reading()
    source.open.clear()
    caller = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    caller.cancel()
    await asyncio.wait([caller])
    source.open.set()
    assert await read.get("a") == b"1"
    assert source.running == 0
    assert source.loads == [("a",), ("a",)]


async def test_who_comes_in_the_instant_in_which_a_load_is_given_up_has_another(reading, source):
    read = reading()
    source.open.clear()
    caller = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    caller.cancel()
    newcomer = asyncio.create_task(read.get("a"))
    await settle()
    source.open.set()
    assert await newcomer == b"1"
    assert source.running == 0


async def test_a_load_of_several_is_given_up_only_when_nobody_waits_for_any(reading, source):
    read = reading(many=True)
    source.open.clear()
    both = asyncio.create_task(read.get_many(["a", "b"]))
    await source.begun.wait()
    one = asyncio.create_task(read.get("b"))
    await settle()
    both.cancel()
    await settle()
    assert source.running == 1
    source.open.set()
    assert await one == b"2"
    assert source.loads == [("a", "b")]


async def test_an_error_reaches_all_who_wait_and_is_not_kept(reading, source):
    read = reading(PATIENT)
    source.error = RuntimeError("the store is gone")
    source.open.clear()
    callers = [asyncio.create_task(read.get("a")) for _ in range(5)]
    await source.begun.wait()
    source.open.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert results == [source.error] * 5
    assert len(source.loads) == 1
    source.error = None
    assert await read.get("a") == b"1"


async def test_that_there_is_none_is_remembered_for_a_time_of_its_own(reading, source, clock):
    read = reading(PATIENT)
    assert await read.get("c") is None
    source.values["c"] = b"3"
    assert await read.get("c") is None
    assert source.loads == [("c",)]
    await settle()
    clock.now_ns += 5 * S
    assert await read.get("c") == b"3"


async def test_without_a_time_for_it_that_there_is_none_is_not_remembered(reading, source):
    read = reading()
    assert [await read.get("c") for _ in range(2)] == [None, None]
    assert len(source.loads) == 2


async def test_not_found_is_that_there_is_none(reading, source):
    read = reading(PATIENT)
    source.error = NotFoundError("things/c")
    assert [await read.get("c") for _ in range(2)] == [None, None]
    assert len(source.loads) == 1


async def test_a_stale_value_is_served_while_one_load_replaces_it(reading, source, clock):
    read = reading(PATIENT)
    await read.get("a")
    await settle()
    clock.now_ns += 60 * S
    source.values["a"] = b"new"
    source.open.clear()
    assert [await read.get("a") for _ in range(100)] == [b"1"] * 100
    await settle()
    assert [await read.get("a") for _ in range(100)] == [b"1"] * 100
    assert len(source.loads) == 2
    source.open.set()
    await settle()
    assert await read.get("a") == b"new"
    assert len(source.loads) == 2


async def test_where_refreshing_fails_a_stale_value_is_served_until_its_end(reading, source, clock):
    read = reading(PATIENT, retry_ns=10 * S)
    await read.get("a")
    source.error = RuntimeError("the store is gone")
    await settle()
    clock.now_ns += 60 * S
    for _ in range(5):
        assert await read.get("a") == b"1"
        await settle()
    assert len(source.loads) == 2, "it was tried again at once"
    await settle()
    clock.now_ns += 10 * S
    assert await read.get("a") == b"1"
    await settle()
    assert len(source.loads) == 3
    clock.now_ns += 590 * S
    with pytest.raises(RuntimeError, match="the store is gone"):
        await read.get("a")


async def test_a_fresh_value_is_loaded_early_by_chance_the_sooner_the_longer_its_load_took(
    reading, source, clock
):
    chances = iter([0.0, 0.9, 0.95])
    read = reading(early_beta=1, rand=lambda: next(chances))
    source.open.clear()
    caller = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    clock.now_ns += 2 * S  # how long the load takes
    source.open.set()
    await caller
    await settle()
    clock.now_ns += 55 * S
    for _ in range(2):  # 2 s * ln(10) is less than the 5 s that are left
        await read.get("a")
        await settle()
        assert len(source.loads) == 1
    # 2 s * ln(20) is more.
    assert await read.get("a") == b"1"
    await settle()
    assert len(source.loads) == 2


async def test_many_are_loaded_at_once_and_what_is_there_is_not_loaded(reading, source):
    read = reading(many=True)
    source.values |= {f"k{number}": b"%d" % number for number in range(10)}
    await read.get("a")
    keys = ["a", "k1", "none", "k2", "k1"]
    assert await read.get_many(keys) == {"a": b"1", "k1": b"1", "k2": b"2"}
    assert source.loads == [("a",), ("k1", "none", "k2")]
    assert await read.get_many([]) == {}


async def test_a_batch_has_so_many_keys_at_most(reading, source):
    read = reading(many=True, max_batch=2)
    await read.get_many(["a", "b", "c", "d", "e"])
    assert sorted(source.loads) == [("a", "b"), ("c", "d"), ("e",)]


async def test_a_batch_joins_loads_that_are_under_way(reading, source):
    read = reading(many=True)
    source.open.clear()
    one = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    many = asyncio.create_task(read.get_many(["a", "b"]))
    await settle()
    one.cancel()
    source.open.set()
    assert await many == {"a": b"1", "b": b"2"}
    assert source.loads == [("a",), ("b",)]


async def test_only_so_many_loads_run_at_once(reading, source):
    read = reading(max_loads=3)
    source.open.clear()
    callers = [asyncio.create_task(read.get(f"k{number}")) for number in range(10)]
    await settle()
    assert source.running == 3
    source.open.set()
    await asyncio.gather(*callers)
    assert len(source.loads) == 10
    assert source.most_running == 3


async def test_refreshes_do_not_take_the_place_of_loads_that_callers_wait_for(
    reading, source, clock
):
    read = reading(PATIENT, max_loads=1)
    await read.get("a")
    await settle()
    clock.now_ns += 60 * S
    source.open.clear()
    caller = asyncio.create_task(read.get("b"))
    await settle()
    assert await read.get("a") == b"1"
    source.open.set()
    assert await caller == b"2"
    await settle()
    assert source.loads == [("a",), ("b",)]


async def test_only_so_many_callers_wait(reading, source):
    read = reading(max_waiting=2)
    source.open.clear()
    callers = [asyncio.create_task(read.get(key)) for key in "ab"]
    await settle()
    with pytest.raises(ResourceExhaustedError) as refused:
        await read.get("a")
    assert refused.value.reason == "CACHE_LOADS_EXHAUSTED"
    source.open.set()
    assert await asyncio.gather(*callers) == [b"1", b"2"]
    assert await read.get("a") == b"1"


async def test_a_load_that_takes_too_long_is_cancelled(reading, source):
    read = reading(load_timeout_ns=1_000_000)
    source.open.clear()
    with pytest.raises(UnavailableError) as refused:
        await read.get("a")
    assert refused.value.reason == "LOAD_TIMED_OUT"
    assert source.running == 0


async def test_a_loaders_own_time_out_is_its_error(reading, source):
    read = reading()
    source.error = TimeoutError("of the driver")
    with pytest.raises(TimeoutError, match="of the driver"):
        await read.get("a")


async def test_a_load_that_others_cancel_is_no_end_of_loading(reading, source):
    read = reading()
    source.error = asyncio.CancelledError()
    with pytest.raises(UnavailableError) as refused:
        await read.get("a")
    assert refused.value.reason == "LOAD_CANCELLED"
    source.error = None
    assert await read.get("a") == b"1"


async def test_a_caller_waits_no_longer_than_its_own_caller_does(reading, source):
    read = reading()
    source.open.clear()
    patient = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    context = contextvars.copy_context()
    context.run(call_deadline_ns.set, time.monotonic_ns() + 1_000_000)
    hasty = asyncio.get_running_loop().create_task(read.get("a"), context=context)
    with pytest.raises(UnavailableError) as refused:
        await hasty
    assert refused.value.reason == "LOAD_TOO_SLOW"
    source.open.set()
    assert await patient == b"1"


async def test_a_load_has_its_own_deadline_and_nothing_of_its_callers(cache):
    asked = contextvars.ContextVar("asked", default="nobody")
    seen = []

    async def load(key):
        seen.append((asked.get(), remaining_s()))
        return b""

    asked.set("somebody")
    call_deadline_ns.set(time.monotonic_ns() + 3600 * S)
    async with ReadThrough(cache, "n", FRESH, load=load) as read:
        await read.get("a")
    ((who, left_s),) = seen
    assert who == "nobody"
    assert left_s <= 10


async def test_whoever_comes_after_a_change_does_not_get_what_was_loaded_before(reading, source):
    read = reading()
    source.open.clear()
    before = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    source.values["a"] = b"new"
    await read.invalidate("a")
    after = asyncio.create_task(read.get("a"))
    await settle()
    source.open.set()
    assert await before == b"1"
    assert await after == b"new"
    assert await read.get("a") == b"new"


async def test_a_change_in_another_process_counts_as_well(reading, source):
    here, elsewhere = reading(), reading()
    source.open.clear()
    before = asyncio.create_task(here.get("a"))
    await source.begun.wait()
    source.values["a"] = b"new"
    await elsewhere.invalidate("a")
    after = asyncio.create_task(here.get("a"))
    await settle()
    source.open.set()
    assert (await before, await after) == (b"1", b"new")
    assert await elsewhere.get("a") == b"new"


async def test_processes_that_load_at_the_same_time_keep_one_value(reading, source):
    here, elsewhere = reading(), reading()
    source.open.clear()
    callers = [asyncio.create_task(read.get("a")) for read in (here, elsewhere) * 10]
    await settle()
    source.open.set()
    assert await asyncio.gather(*callers) == [b"1"] * 20
    assert len(source.loads) == 2
    assert await here.get("a") == b"1"
    assert len(source.loads) == 2


async def test_without_the_cache_values_are_loaded_once_for_all_who_ask(reading, source):
    cache = FailingCache()
    cache.failing = {"get", "set", "compare_and_set"}
    metrics = StrategyMetrics()
    read = reading(cache=cache, metrics=metrics)
    source.open.clear()
    callers = [asyncio.create_task(read.get("a")) for _ in range(10)]
    await settle()
    source.open.set()
    await asyncio.gather(*callers)
    assert 1 <= len(source.loads) <= 2
    assert await read.get("a") == b"1"
    assert ((("n", "failed"), 11)) in metrics.reads.rows()


async def test_a_value_that_the_cache_refuses_is_given_all_the_same(reading):
    cache = FailingCache()
    cache.failing = {"compare_and_set"}
    assert await reading(cache=cache).get("a") == b"1"


async def test_what_others_put_there_is_not_taken_for_a_value(reading, cache, source):
    from blrcs.domain.cache_entry import SetCondition

    await cache.set("n", "a", b"strange", "text/plain", None, SetCondition())
    assert await reading().get("a") == b"1"
    assert await reading().get("a") == b"1"
    assert source.loads == [("a",)]


async def test_closing_ends_loads_and_those_who_wait(reading, source):
    read = reading()
    source.open.clear()
    caller = asyncio.create_task(read.get("a"))
    await source.begun.wait()
    await read.close()
    with pytest.raises(UnavailableError) as refused:
        await caller
    assert refused.value.reason == "CACHE_CLOSED"
    assert source.running == 0
    with pytest.raises(UnavailableError):
        await read.get("a")


async def test_reads_and_loads_are_counted(reading, source, clock):
    metrics = StrategyMetrics()
    read = reading(PATIENT, metrics=metrics)
    await read.get_many(["a", "c"])
    await settle()
    await read.get_many(["a", "c"])
    await settle()
    clock.now_ns += 60 * S
    await read.get("a")
    await settle()
    source.error = RuntimeError("the store is gone")
    with pytest.raises(RuntimeError):
        await read.get("b")
    reads = {outcome: count for (_, outcome), count in metrics.reads.rows() if count}
    assert reads == {"miss": 3, "fresh": 1, "absent": 1, "stale": 1}
    loads = {outcome: count for (_, outcome), count in metrics.loads.rows() if count}
    assert loads == {"loaded": 2, "absent": 1, "failed": 1}


@pytest.mark.parametrize("loaders", [{}, {"load": None, "load_many": None}])
def test_there_is_one_loader(cache, loaders):
    with pytest.raises(ValueError, match="load"):
        ReadThrough(cache, "n", FRESH, **loaders)


@pytest.mark.parametrize(
    "wrong",
    [{"max_loads": 0}, {"retry_ns": 0}, {"early_beta": -1}, {"early_beta": float("nan")}],
)
def test_options_are_within_their_bounds(wrong):
    with pytest.raises(ValueError):
        ReadOptions(**wrong)


@pytest.mark.parametrize("wrong", [{"fresh_ns": 0}, {"fresh_ns": 1, "stale_ns": -1}])
def test_lifetimes_are_within_their_bounds(wrong):
    with pytest.raises(ValueError):
        Lifetimes(**wrong)
