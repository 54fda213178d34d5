import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client import parser as text_parser
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, DuplicateTimeseries

from blrcs.monitoring.native_collector import NativeCollector, new_registry
from blrcs_native.monitoring.metrics import (
    Counter,
    DurationHistogram,
    Gauge,
    Histogram,
    MetricsBlock,
)
from tests.unit.monitoring.samples import Samples, openmetrics_samples, openmetrics_text, samples_of


def text_samples(registry: Collector) -> Samples:
    text = generate_latest(registry).decode()
    return samples_of(text_parser.text_string_to_metric_families(text))


class Model:
    """What the exposition is to say, summed up in a dict."""

    def __init__(self) -> None:
        self.samples: Samples = {}

    def add(self, name: str, labels: tuple[str, str], value: float, **more: str) -> None:
        place = (name, frozenset({"x": labels[0], "y": labels[1], **more}.items()))
        self.samples[place] = self.samples.get(place, 0) + value

    def observe(
        self,
        name: str,
        seen: Sequence[tuple[tuple[str, str], float]],
        bounds: dict[str, float],
        unit: int,
    ) -> None:
        sums: dict[tuple[str, str], float] = {}
        for labels, value in seen:
            for le, bound in (bounds | {"+Inf": math.inf}).items():
                self.add(f"{name}_bucket", labels, value <= bound, le=le)
            self.add(f"{name}_count", labels, 1)
            sums[labels] = sums.get(labels, 0) + value
        for labels, total in sums.items():
            self.add(f"{name}_sum", labels, total / unit)


label_value = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
key = st.tuples(label_value, label_value)
BOUNDS = (0.25, 1.0, 20.0)


class TestExposition:
    @settings(deadline=None)
    @given(
        counted=st.lists(st.tuples(key, st.integers(0, 2**40)), max_size=20),
        gauged=st.lists(st.tuples(key, st.floats(allow_nan=False)), max_size=20),
        observed=st.lists(st.tuples(key, st.floats(0, 100) | st.sampled_from(BOUNDS)), max_size=20),
        timed=st.lists(
            st.tuples(key, st.integers(0, 10**10) | st.sampled_from((10**6, 10**6 + 1))),
            max_size=20,
        ),
    )
    def test_parsed_back_it_equals_the_model(
        self,
        counted: list[tuple[tuple[str, str], int]],
        gauged: list[tuple[tuple[str, str], float]],
        observed: list[tuple[tuple[str, str], float]],
        timed: list[tuple[tuple[str, str], int]],
    ) -> None:
        block = MetricsBlock(4096)
        counter = Counter(block, "count_total", "Says \\ and\nmore.", ("x", "y"))
        gauge = Gauge(block, "level", "", ("x", "y"))
        histogram = Histogram(block, "size_bytes", "Size.", BOUNDS, ("x", "y"))
        durations = DurationHistogram(block, "took_seconds", "Time.", (10**6, 10**9), ("x", "y"))
        for labels, n in counted:
            counter.labels(*labels).inc(n)
        for labels, value in gauged:
            gauge.labels(*labels).set(value)
        for labels, value in observed:
            histogram.labels(*labels).observe(value)
        for labels, elapsed_ns in timed:
            durations.labels(*labels).observe_ns(elapsed_ns)

        model = Model()
        for labels, n in counted:
            model.add("count_total", labels, n)
        for labels, value in dict(gauged).items():
            model.add("level", labels, value)
        model.observe("size_bytes", observed, {"0.25": 0.25, "1.0": 1, "20.0": 20}, 1)
        model.observe("took_seconds", timed, {"0.001": 10**6, "1.0": 10**9}, 10**9)

        registry = CollectorRegistry()
        registry.register(NativeCollector(block))
        assert text_samples(registry) == model.samples
        assert openmetrics_samples(openmetrics_text(registry)) == model.samples

    def test_types_and_help_are_told(self) -> None:
        block = MetricsBlock(64)
        Counter(block, "a_total", "Counts.")
        Gauge(block, "b", "Measures.")
        Histogram(block, "c", "Sorts.", (1,))
        DurationHistogram(block, "d_seconds", "Times.", (1,))
        metrics = list(NativeCollector(block).collect())[:4]
        assert [(metric.name, metric.type, metric.documentation) for metric in metrics] == [
            ("a", "counter", "Counts."),
            ("b", "gauge", "Measures."),
            ("c", "histogram", "Sorts."),
            ("d_seconds", "histogram", "Times."),
        ]

    def test_overflow_is_told_for_each_labelled_family(self) -> None:
        block = MetricsBlock(64)
        Counter(block, "a_total", "", ("x",), 1)
        family = Counter(block, "b_total", "", ("x",), 1)
        Counter(block, "c_total", "")
        family.labels("1")
        family.labels("2")
        family.labels("3").inc(5)
        registry = CollectorRegistry()
        registry.register(NativeCollector(block))
        name = "blrcs_metrics_label_overflow_total"
        assert registry.get_sample_value(name, {"metric": "a_total"}) == 0
        assert registry.get_sample_value(name, {"metric": "b_total"}) == 2
        assert registry.get_sample_value(name, {"metric": "c_total"}) is None
        assert registry.get_sample_value("b_total", {"x": "other"}) == 5

    def test_families_made_later_are_shown(self) -> None:
        block = MetricsBlock(64)
        registry = CollectorRegistry()
        registry.register(NativeCollector(block))
        Counter(block, "late_total", "").labels().inc()
        assert registry.get_sample_value("late_total") == 1

    def test_any_collection_of_families_will_do(self) -> None:
        block = MetricsBlock(64)
        shown, _ = Gauge(block, "shown", ""), Gauge(block, "hidden", "")
        names = [metric.name for metric in NativeCollector([shown]).collect()]
        assert names == ["shown", "blrcs_metrics_label_overflow"]

    def test_described_are_the_same_metrics_without_samples(self) -> None:
        block = MetricsBlock(1024)
        Counter(block, "calls_total", "", ("method",)).labels("a").inc()
        Gauge(block, "open", "").labels().set(2)
        collector = NativeCollector(block)
        described, collected = list(collector.describe()), list(collector.collect())
        assert [(each.name, each.type) for each in described] == [
            (each.name, each.type) for each in collected
        ]
        assert all(each.samples for each in collected)
        assert not any(each.samples for each in described)

    def test_a_name_that_the_registry_has_already_is_refused(self) -> None:
        block = MetricsBlock(64)
        Gauge(block, "process_open_fds", "")
        with pytest.raises(DuplicateTimeseries):
            new_registry(block)

    def test_the_registry_has_the_process_and_is_not_the_global_one(self) -> None:
        block = MetricsBlock(64)
        Counter(block, "mine_total", "").labels().inc()
        registry = new_registry(block)
        assert registry.get_sample_value("mine_total") == 1
        assert registry.get_sample_value("process_resident_memory_bytes")
        assert registry.get_sample_value("python_gc_collections_total", {"generation": "0"})
        assert any(metric.name == "python_info" for metric in registry.collect())
        assert REGISTRY.get_sample_value("mine_total") is None
