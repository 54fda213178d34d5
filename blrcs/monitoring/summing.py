"""Shows the metrics of several processes as those of one server."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blrcs.monitoring.native_collector import to_metric
from blrcs_native.monitoring.metrics import AnyFamily, Counter, Gauge

Row = tuple[Any, ...]
CPU = "process_cpu_seconds"
Slices = Callable[[], Sequence[tuple[Iterable[AnyFamily], bool]]]
"""The families of each process, and whether it lives."""


class SummingCollector(Collector):
    """Adds up what processes have counted, those that have ended among them.

    So counters and histograms only grow, whoever dies. Gauges are those of the living, combined as
    each says. Processes need not have the same families, as during an upgrade: those of one name
    are added up where they are alike, the first that is found being the measure.
    """

    def __init__(self, slices: Slices) -> None:
        self._slices = slices

    def collect(self) -> Iterator[Metric]:
        """One metric for each family, with a sample for each label set that any process uses."""
        overflow = CounterMetricFamily(
            "blrcs_metrics_label_overflow_total",
            "Label sets refused a cell of their own.",
            labels=["metric"],
        )
        slices = self._slices()
        living = [families for families, lives in slices if lives]
        counted = [families for families, _ in slices]
        for families in _alike(counted):
            if not isinstance(families[0], Gauge):
                yield to_metric(families[0], summed(families))
            if families[0].label_names:
                overflow.add_metric(
                    [families[0].name], sum(family.overflow_count for family in families)
                )
        for families in _alike(living):
            if isinstance(families[0], Gauge):
                yield to_metric(families[0], summed(families))
        yield overflow


def _alike(processes: Iterable[Iterable[AnyFamily]]) -> Iterable[list[AnyFamily]]:
    """The families of one name, for each name."""
    by_name: dict[str, list[AnyFamily]] = {}
    for families in processes:
        for family in families:
            found = by_name.setdefault(family.name, [family])
            if found[0] is not family and _shape(found[0]) == _shape(family):
                found.append(family)
    return by_name.values()


def _shape(family: AnyFamily) -> tuple[object, ...]:
    return type(family), family.label_names, getattr(family, "bounds", ())


def summed(families: Sequence[AnyFamily]) -> list[Row]:
    """The rows of families that are alike, one for each label set."""
    rows: dict[tuple[str, ...], Row] = {}
    for family in families:
        for values, *figures in family.rows():
            known = rows.get(values)
            rows[values] = tuple(figures) if known is None else _add(family, known, figures)
    return [(values, *figures) for values, figures in rows.items()]


def _add(family: AnyFamily, one: Row, other: Sequence[Any]) -> Row:
    if isinstance(family, Gauge):
        return (max(one[0], other[0]) if family.combine == "max" else one[0] + other[0],)
    if isinstance(family, Counter):
        return (one[0] + other[0],)
    counts = tuple(a + b for a, b in zip(one[0], other[0], strict=True))
    return counts, one[1] + other[1]


class WorkerProcessCollector(Collector):
    """The figures of each worker's process, told apart by the label ``worker``.

    Not what it has used of processors: that would go back when another takes its place.

    Args:
        processes: Gives the numbers of those that live, by worker.
    """

    def __init__(self, processes: Callable[[], Mapping[str, int]]) -> None:
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """As prometheus-client's collector for the own process, but for the counter."""
        metrics: dict[str, Metric] = {}
        for worker, process in self._processes().items():
            for metric in ProcessCollector(pid=lambda: process, registry=None).collect():  # noqa: B023 - called at once
                if metric.name == CPU:
                    continue
                whole = metrics.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                for sample in metric.samples:
                    labels = {**sample.labels, "worker": worker}
                    whole.add_sample(sample.name, labels, sample.value)
        yield from metrics.values()


class Pulse(Protocol):
    """What workers show of themselves."""

    def silences_s(self) -> Mapping[str, float]:
        """How long ago the loop of each living worker has turned last."""
        ...

    def cpu_s(self) -> Mapping[str, float]:
        """What the workers of each place have used of processors, the dead ones among them."""
        ...

    def hangs(self) -> int:
        """How many processes have been ended because they hung."""
        ...


class PulseCollector(Collector):
    """What workers have used, and which of them hang, as those tell that do not."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """A counter and a gauge with the label ``worker``, and a counter."""
        used = CounterMetricFamily(
            f"{CPU}_total", "Total user and system CPU time spent in seconds.", labels=["worker"]
        )
        for worker, used_s in self._pulse.cpu_s().items():
            used.add_metric([worker], used_s)
        yield used
        silence = GaugeMetricFamily(
            "blrcs_worker_silence_seconds",
            "Time since a worker's event loop has last said that it turns, which it does twice"
            " a second.",
            labels=["worker"],
        )
        for worker, silent_s in self._pulse.silences_s().items():
            silence.add_metric([worker], silent_s)
        yield silence
        yield CounterMetricFamily(
            "blrcs_worker_hangs_total",
            "Processes that the supervisor has killed because they hung or held up others.",
            self._pulse.hangs(),
        )


def new_summing_registry(
    slices: Slices, processes: Callable[[], Mapping[str, int]], pulse: Pulse
) -> CollectorRegistry:
    """A registry of its own with the families of all processes, these, and the platform."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SummingCollector(slices))
    registry.register(WorkerProcessCollector(processes))
    registry.register(PulseCollector(pulse))
    PlatformCollector(registry=registry)
    return registry
