"""The hot operations of the metrics under pytest-benchmark; only results are asserted."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import Counter, DurationHistogram, MetricsBlock


@pytest.fixture
def block() -> MetricsBlock:
    return MetricsBlock(1024)


def test_counter_inc(benchmark: BenchmarkFixture, block: MetricsBlock) -> None:
    cell = Counter(block, "a_total", "help").labels()
    benchmark(cell.inc)
    assert cell.value >= 1


def test_histogram_observe(benchmark: BenchmarkFixture, block: MetricsBlock) -> None:
    cell = DurationHistogram(block, "a_seconds", "help").labels()
    benchmark(cell.observe_ns, 230_000)
    assert sum(cell.counts) == cell.counts[2] >= 1
    assert cell.sum == cell.counts[2] * 230_000


def test_call_started_and_handled(benchmark: BenchmarkFixture, block: MetricsBlock) -> None:
    calls = CallMetrics(block, max_methods=4)
    method = calls.method("s", "m", "unary")

    def call() -> None:
        method.started()
        method.handled(0, 230_000)

    benchmark(call)
    started = dict(calls.started.rows())["unary", "s", "m"]
    assert started == dict(calls.handled.rows())["unary", "s", "m", "OK"] >= 1
