"""Shows native metrics to Prometheus: a collector for prometheus-client, and a registry with it."""

import math
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from blrcs_native.monitoring.metrics import AnyFamily, Counter, Gauge


class NativeCollector(Collector):
    """Collects native families.

    ``families`` is iterated anew at each scrape: a MetricsBlock, or any collection of families.
    Adds ``blrcs_metrics_label_overflow_total``, the look-ups that a family sent to its cell
    labelled ``other`` because it has as many label sets as it may have.
    """

    def __init__(self, families: Iterable[AnyFamily]) -> None:
        self._families = families

    def describe(self) -> Iterator[Metric]:
        """As ``collect``, without samples: all that a registry wants to know is the names."""
        for family in self._families:
            yield to_metric(family, ())
        yield _overflow()

    def collect(self) -> Iterator[Metric]:
        """One metric for each family, with a sample for each cell in use."""
        overflow = _overflow()
        for family in self._families:
            yield to_metric(family, family.rows())
            if family.label_names:
                overflow.add_metric([family.name], family.overflow_count)
        yield overflow


def _overflow() -> CounterMetricFamily:
    return CounterMetricFamily(
        "blrcs_metrics_label_overflow_total",
        "Label sets refused a cell of their own.",
        labels=["metric"],
    )


def to_metric(family: AnyFamily, rows: Iterable[tuple[Any, ...]]) -> Metric:
    """The family with rows as its own ``rows`` gives them."""
    name, text, labels = family.name, family.help_text, family.label_names
    if isinstance(family, Counter):
        counter = CounterMetricFamily(name, text, labels=labels)
        for values, count in rows:
            counter.add_metric(values, count)
        return counter
    if isinstance(family, Gauge):
        gauge = GaugeMetricFamily(name, text, labels=labels)
        for values, value in rows:
            gauge.add_metric(values, value)
        return gauge
    histogram = HistogramMetricFamily(name, text, labels=labels)
    bounds = [
        floatToGoString(bound)  # type: ignore[no-untyped-call]
        for bound in (*family.bounds, math.inf)
    ]
    for values, counts, total in rows:
        histogram.add_metric(values, list(zip(bounds, accumulate(counts), strict=True)), total)
    return histogram


def new_registry(families: Iterable[AnyFamily]) -> CollectorRegistry:
    """A registry of its own with the native families and those of process, platform and GC.

    Raises DuplicateTimeseries if a native family has a name of theirs.
    """
    registry = CollectorRegistry(auto_describe=True)
    registry.register(NativeCollector(families))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
