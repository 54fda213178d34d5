"""Counting and timing calls: the native metrics beside prometheus-client.

Subjects do the same work on the same labels. "resolved" holds the child that labels() returned,
as a server should; "labels() per call" asks for it each time, as most code does.
"""

from collections.abc import Callable

from harness import Claim, Loop, Report, main, measure, versions
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as PeerCounter
from prometheus_client import Histogram as PeerHistogram

from blrcs.monitoring.native_collector import NativeCollector
from blrcs_native.monitoring.call_metrics import HANDLED_CODE_NAMES, CallMetrics
from blrcs_native.monitoring.metrics import (
    DURATION_BUCKETS_NS,
    Counter,
    DurationHistogram,
    MetricsBlock,
)

LABEL_NAMES = ("grpc_type", "grpc_service", "grpc_method")
LABELS = ("unary", "blrcs.v1.AccessService", "Check")
ELAPSED_NS = 230_000
ELAPSED_SECONDS = ELAPSED_NS / 1e9
BOUNDS_SECONDS = tuple(bound / 1e9 for bound in DURATION_BUCKETS_NS)


def repeat(operation: Callable[[], object]) -> Loop:
    """Runs an operation without arguments; the cost of the loop is the same for all."""

    def loop(count: int) -> None:
        for _ in range(count):
            operation()

    return loop


class Native:
    """The native metrics of one method."""

    def __init__(self) -> None:
        block = MetricsBlock(1024)
        calls = CallMetrics(block, max_methods=4)
        self.registry = CollectorRegistry()
        self.registry.register(NativeCollector(block))
        self.method = calls.method(LABELS[1], LABELS[2], "unary")
        self.counter: Counter = calls.received
        self.histogram: DurationHistogram = calls.handling
        self.started = calls.started.labels(*LABELS)
        self.handling = self.histogram.labels(*LABELS)

    def count(self) -> Loop:
        return repeat(self.started.inc)

    def count_by_labels(self) -> Loop:
        labels = self.counter.labels
        return repeat(lambda: labels(*LABELS).inc())

    def observe(self) -> Loop:
        observe_ns = self.handling.observe_ns
        return repeat(lambda: observe_ns(ELAPSED_NS))

    def observe_by_labels(self) -> Loop:
        labels = self.histogram.labels
        return repeat(lambda: labels(*LABELS).observe_ns(ELAPSED_NS))

    def call(self) -> Loop:
        started, handled = self.method.started, self.method.handled

        def one() -> None:
            started()
            handled(0, ELAPSED_NS)

        return repeat(one)


class Peer:
    """The same families made of prometheus-client, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.counter = PeerCounter(
            "grpc_server_started_total", "Calls begun.", LABEL_NAMES, registry=self.registry
        )
        self.handled = PeerCounter(
            "grpc_server_handled_total",
            "Calls ended, with success or failure.",
            (*LABEL_NAMES, "grpc_code"),
            registry=self.registry,
        )
        self.histogram = PeerHistogram(
            "grpc_server_handling_seconds",
            "Duration of calls.",
            LABEL_NAMES,
            buckets=BOUNDS_SECONDS,
            registry=self.registry,
        )
        self.started = self.counter.labels(*LABELS)
        self.by_code = [self.handled.labels(*LABELS, name) for name in HANDLED_CODE_NAMES]
        self.handling = self.histogram.labels(*LABELS)

    def count(self) -> Loop:
        return repeat(self.started.inc)

    def count_by_labels(self) -> Loop:
        labels = self.counter.labels
        return repeat(lambda: labels(*LABELS).inc())

    def observe(self) -> Loop:
        observe = self.handling.observe
        return repeat(lambda: observe(ELAPSED_SECONDS))

    def observe_by_labels(self) -> Loop:
        labels = self.histogram.labels
        return repeat(lambda: labels(*LABELS).observe(ELAPSED_SECONDS))

    def call(self) -> Loop:
        started, by_code, observe = self.started.inc, self.by_code, self.handling.observe

        def one() -> None:
            started()
            by_code[0].inc()
            observe(ELAPSED_SECONDS)

        return repeat(one)

    def call_by_labels(self) -> Loop:
        started, handled, handling = self.counter, self.handled, self.histogram

        def one() -> None:
            started.labels(*LABELS).inc()
            handled.labels(*LABELS, HANDLED_CODE_NAMES[0]).inc()
            handling.labels(*LABELS).observe(ELAPSED_SECONDS)

        return repeat(one)


def exposed(registry: CollectorRegistry) -> dict[str, float]:
    """What the call families say of the method, by line; sums rounded to whole nanoseconds."""
    lines = generate_latest(registry).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if f'grpc_method="{LABELS[2]}"' in line]
    return {
        name: round(float(value), 9)
        for name, value in pairs
        if "_msg_" not in name and "_created" not in name
    }


def assert_alike() -> None:
    """Both sides tell Prometheus the same of the same calls."""
    native, peer = Native(), Peer()
    native.call()(1000)
    peer.call()(1000)
    assert exposed(native.registry) == exposed(peer.registry)


def run(rounds: int) -> Report:
    assert_alike()
    native, peer = Native(), Peer()
    subjects = {
        "empty call": repeat(lambda: None),
        "native: counter, resolved": native.count(),
        "prometheus-client: counter, resolved": peer.count(),
        "native: counter, labels() per call": native.count_by_labels(),
        "prometheus-client: counter, labels() per call": peer.count_by_labels(),
        "native: histogram, resolved": native.observe(),
        "prometheus-client: histogram, resolved": peer.observe(),
        "native: histogram, labels() per call": native.observe_by_labels(),
        "prometheus-client: histogram, labels() per call": peer.observe_by_labels(),
        "native: started + handled": native.call(),
        "prometheus-client: started + handled, resolved": peer.call(),
        "prometheus-client: started + handled, labels() per call": peer.call_by_labels(),
    }
    timings = measure(subjects, rounds=rounds)

    def faster(text: str, peers: str, own: str) -> Claim:
        return Claim(text, timings[peers].median_ns / timings[own].median_ns)

    claims = [
        faster(
            f"{what}: times faster than prometheus-client",
            f"prometheus-client: {what}",
            f"native: {what}",
        )
        for what in (
            "counter, resolved",
            "counter, labels() per call",
            "histogram, resolved",
            "histogram, labels() per call",
        )
    ]
    claims += [
        faster(
            f"started + handled: times faster than prometheus-client, {how}",
            f"prometheus-client: started + handled, {how}",
            "native: started + handled",
        )
        for how in ("resolved", "labels() per call")
    ]
    return Report(
        "Metrics of a call", timings=timings, claims=claims, peers=versions("prometheus-client")
    )


if __name__ == "__main__":
    main(run)
