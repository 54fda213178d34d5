"""Metrics of several processes are those of one server."""

import asyncio
import os

import pytest
from prometheus_client import CollectorRegistry

from blrcs.config.server import MAX_WORKERS
from blrcs.monitoring.summing import SummingCollector, summed
from blrcs.workers.label_sets import LabelSets
from blrcs.workers.memory import OwnMemory, SharedMemory, lay_out
from blrcs.workers.segment import Segment
from blrcs_native.limits.limiter import Rule
from blrcs_native.monitoring.metrics import (
    BlockFullError,
    Counter,
    DurationHistogram,
    Gauge,
    Histogram,
    MetricsBlock,
)

CELLS = 1024


class Families:
    """Defines a block's families; making one changes nothing."""

    def __init__(self, block: MetricsBlock) -> None:
        self.calls = Counter(block, "calls_total", "Calls.", ("method",), 4)
        self.open = Gauge(block, "open", "Open.")
        self.epoch = Gauge(block, "epoch", "Epoch.", combine="max")
        self.handling = DurationHistogram(block, "handling_seconds", "Time.", (10, 100))


class Process:
    """A worker, which for the record locks is this process."""

    def __init__(self, segment: Segment, slot: int) -> None:
        self.memory = SharedMemory(Segment(os.dup(segment.memory), os.dup(segment.locks)))
        self.memory.segment.slots.take(slot)
        self.block = self.memory.metrics(CELLS)
        self.families = Families(self.block)

    @property
    def registry(self) -> CollectorRegistry:
        return self.memory.registry(self.block)


@pytest.fixture
def segment() -> Segment:
    memory = lay_out(
        workers=2, limiter_cells=64, max_concurrent_calls=8, metrics_cells=CELLS, cache_namespaces=4
    )
    return memory.segment


def test_there_is_room_for_as_many_workers_as_may_be() -> None:
    memory = lay_out(
        workers=MAX_WORKERS,
        limiter_cells=64,
        max_concurrent_calls=8,
        metrics_cells=CELLS,
        cache_namespaces=4,
    )
    assert len(memory.all_cache_hits()) == 2 * MAX_WORKERS + 1


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_counters_and_histograms_of_all_are_added_up(segment: Segment) -> None:
    one, other = Process(segment, 1), Process(segment, 2)
    # In another order, so that the same labels have other cells.
    for method, count in (("a", 1), ("b", 2)):
        one.families.calls.labels(method).inc(count)
    for method, count in (("c", 40), ("b", 20), ("a", 10)):
        other.families.calls.labels(method).inc(count)
    one.families.handling.labels().observe_ns(5)
    other.families.handling.labels().observe_ns(50)
    other.families.handling.labels().observe_ns(500)
    for registry in (one.registry, other.registry):
        counts = [value(registry, "calls_total", method=each) for each in "abc"]
        assert counts == [11, 22, 40]
        assert value(registry, "handling_seconds_count") == 3
        assert value(registry, "handling_seconds_bucket", le="1e-07") == 2
        assert value(registry, "handling_seconds_sum") == 555e-9


def test_a_scrape_sees_label_sets_that_are_new_since_the_last(segment: Segment) -> None:
    one, other = Process(segment, 1), Process(segment, 2)
    registry = one.registry
    assert value(registry, "calls_total", method="a") is None
    other.families.calls.labels("a").inc()
    assert value(registry, "calls_total", method="a") == 1
    other.families.calls.labels("a").inc()
    other.families.calls.labels("b").inc(5)
    assert value(registry, "calls_total", method="a") == 2
    assert value(registry, "calls_total", method="b") == 5


def test_what_a_worker_counted_its_successor_counts_on(segment: Segment) -> None:
    one, killed = Process(segment, 1), Process(segment, 2)
    killed.families.calls.labels("b").inc(2)
    killed.families.calls.labels("a").inc(1)
    killed.families.open.labels().set(7)
    successor = Process(segment, 2)
    successor.families.calls.labels("a").inc(10)
    assert value(one.registry, "calls_total", method="a") == 11
    assert value(one.registry, "calls_total", method="b") == 2
    assert value(one.registry, "open") == 0


def samples(collector: SummingCollector) -> dict[str, float]:
    return {
        sample.name: sample.value for metric in collector.collect() for sample in metric.samples
    }


def test_gauges_of_the_living_are_added_up_or_the_greatest_as_they_say() -> None:
    blocks = [MetricsBlock(CELLS) for _ in range(3)]
    for block, number in zip(blocks, (3, 4, 100), strict=True):
        families = Families(block)
        families.open.labels().set(number)
        families.epoch.labels().set(number)
    living = (True, True, False)
    shown = samples(SummingCollector(lambda: list(zip(blocks, living, strict=True))))
    assert (shown["open"], shown["epoch"]) == (7, 4)


def test_label_sets_beyond_the_bound_are_added_up_as_other(segment: Segment) -> None:
    one, other = Process(segment, 1), Process(segment, 2)
    for number in range(6):
        other.families.calls.labels(f"m{number}").inc()
    assert value(one.registry, "calls_total", method="other") == 2
    assert value(one.registry, "blrcs_metrics_label_overflow_total", metric="calls_total") == 2


def test_the_figures_of_another_version_are_left_out_and_its_place_begins_anew(
    segment: Segment,
) -> None:
    one, other = Process(segment, 1), Process(segment, 2)
    other.families.calls.labels("a").inc()
    LabelSets(memoryview(segment.part("labels", 2, segment.slots.count)), "another version").clear()
    assert value(one.registry, "calls_total", method="a") is None
    Process(segment, 2).families.calls.labels("b").inc()
    assert value(one.registry, "calls_total", method="a") is None
    assert value(one.registry, "calls_total", method="b") == 1


def test_processes_are_told_apart(segment: Segment) -> None:
    one = Process(segment, 1)
    one.memory.pulses.begin(1)
    assert (value(one.registry, "process_resident_memory_bytes", worker="1") or 0) > 0


def test_how_long_a_worker_is_silent_is_told(segment: Segment) -> None:
    one = Process(segment, 1)
    one.memory.pulses.begin(1)
    name = "blrcs_worker_silence_seconds"
    assert value(one.registry, name, worker="1") is None, "it has not come to serve"

    async def beat() -> None:
        one.memory.pulses.keep(1)

    asyncio.run(beat())
    before = value(one.registry, name, worker="1")
    assert before is not None
    assert before < (value(one.registry, name, worker="1") or 0)
    assert one.memory.last_beat(os.getpid()) > 0
    assert one.memory.last_beat(-1) == 0
    one.memory.pulses.begin(1)
    assert one.memory.last_beat(os.getpid()) == 0, "a successor has not beaten yet"


def test_what_workers_have_used_outlives_them(segment: Segment) -> None:
    watching = Process(segment, 2)
    name = "process_cpu_seconds_total"
    used: list[float] = []
    for _ in range(2):
        dead = Process(segment, 1)
        dead.memory.pulses.begin(1)
        assert value(watching.registry, name, worker="1") == (used[-1] if used else None)

        async def beat(memory: SharedMemory) -> None:
            memory.pulses.keep(1)

        asyncio.run(beat(dead.memory))
        used.append(value(watching.registry, name, worker="1") or 0)
    # Each has used what this process has.
    first, both = used
    assert first > 0
    assert both >= 2 * first


def test_who_is_ended_for_hanging_is_counted(segment: Segment) -> None:
    one = Process(segment, 1)
    assert value(one.registry, "blrcs_worker_hangs_total") == 0
    SharedMemory(segment).count_hang()
    assert value(one.registry, "blrcs_worker_hangs_total") == 1


def test_what_limiters_forget_for_want_of_room_is_told_by_every_process(segment: Segment) -> None:
    """All of the 64 cells are taken, and those of the last keys take others' places."""
    rule = Rule("fixed_window", 1, 3_600_000_000_000, identity="rule")
    own = OwnMemory()
    one, other = Process(segment, 1), Process(segment, 2)
    other.memory.limiter("service", 64)
    cells = {
        own.limiter("service", 64): own.registry(MetricsBlock(CELLS)),
        one.memory.limiter("service", 64): other.registry,
    }
    for limiter, registry in cells.items():
        assert value(registry, "blrcs_limiter_evictions_total", table="service") == 0
        for number in range(1000):
            limiter.consume(rule, f"key {number}")
        told = value(registry, "blrcs_limiter_evictions_total", table="service")
        assert told == limiter.stats().forced_evictions >= 1000 - 64


def test_a_full_directory_refuses_a_label_set() -> None:
    sets = LabelSets(memoryview(bytearray(128)), "s")
    sets.clear()
    sets.add("calls_total", ("a",))
    with pytest.raises(MemoryError):
        sets.add("calls_total", ("b" * 20,))
    assert list(sets.of("calls_total")) == [["a"]]


def test_rows_of_one_family_stay_as_they_are() -> None:
    families = Families(MetricsBlock(CELLS))
    families.calls.labels("a").inc(3)
    assert summed([families.calls]) == families.calls.rows()


def test_families_of_one_process_alone_are_told_by_all(segment: Segment) -> None:
    one, other = Process(segment, 1), Process(segment, 2)
    registry = one.registry
    assert value(registry, "late_total", kind="x") is None
    # After the first scrape, and in another place than a third process has it.
    Counter(other.block, "late_total", "Late.", ("kind",), 4).labels("x").inc(3)
    third = Process(segment, 3)
    Histogram(third.block, "sizes", "Sizes.", (1.5, 2.5)).labels().observe(2)
    Counter(third.block, "late_total", "Late.", ("kind",), 4).labels("x").inc(4)
    for each in (registry, third.registry):
        assert value(each, "late_total", kind="x") == 7
        assert value(each, "sizes_bucket", le="2.5") == 1
        assert value(each, "calls_total", method="a") is None


def test_families_of_one_name_that_differ_are_not_mixed(segment: Segment) -> None:
    one, other = Process(segment, 1), Process(segment, 2)
    Counter(one.block, "late_total", "Late.", ("kind",)).labels("x").inc()
    Counter(other.block, "late_total", "Late.", ("sort",)).labels("x").inc()
    assert value(one.registry, "late_total", kind="x") == 1
    assert value(one.registry, "late_total", sort="x") is None


def test_a_successor_counts_on_in_families_that_are_alike_and_begins_others_anew(
    segment: Segment,
) -> None:
    one, killed = Process(segment, 1), Process(segment, 2)
    killed.families.calls.labels("a").inc(5)
    Counter(killed.block, "first_total", "First.", ("kind",), 4).labels("x").inc(100)
    second = Counter(killed.block, "second_total", "Second.", ("kind",), 4)
    second.labels("y").inc(7)
    second.labels("z").inc(9)

    successor = Process(segment, 2)  # of another program: without the first of them
    successor.families.calls.labels("b").inc(6)
    second = Counter(successor.block, "second_total", "Second.", ("kind",), 4)
    assert second.rows() == []
    second.labels("z").inc(2)
    for registry in (one.registry, successor.registry):
        assert value(registry, "calls_total", method="a") == 5
        assert value(registry, "calls_total", method="b") == 6
        assert value(registry, "first_total", kind="x") is None
        assert value(registry, "second_total", kind="y") is None
        assert value(registry, "second_total", kind="z") == 2

    again = Process(segment, 2)
    second = Counter(again.block, "second_total", "Second.", ("kind",), 4)
    assert second.rows() == [(("z",), 2)]
    assert again.families.calls.rows() == [(("a",), 5), (("b",), 6)]


def test_a_family_that_has_no_room_takes_none(segment: Segment) -> None:
    process = Process(segment, 1)
    used = process.block.used_cells
    label_sets = LabelSets(memoryview(bytearray(100)), "s")
    label_sets.clear()
    block = MetricsBlock(CELLS, label_sets=label_sets)
    with pytest.raises(MemoryError):
        Counter(block, "long_total", "x" * 100)
    assert (block.used_cells, list(block)) == (0, [])
    with pytest.raises(BlockFullError):
        Counter(process.block, "many_total", "Many.", ("of",), CELLS)
    assert process.block.used_cells == used
    again = Process(segment, 1)
    Counter(again.block, "few_total", "Few.").labels().inc()
    assert value(again.registry, "few_total") == 1
