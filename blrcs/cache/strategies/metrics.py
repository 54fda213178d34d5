"""What strategies count, for Prometheus."""

from blrcs_native.monitoring.metrics import Counter, DurationHistogram, Gauge, MetricsBlock

CELLS = 8192
NAMESPACE = ("namespace",)
OUTCOME = ("namespace", "outcome")


class StrategyMetrics:
    """The families of all strategies of a process.

    Args:
        block: Where they count: one that a registry shows (``blrcs.monitoring.native_collector``).
            Without one they count where nobody looks.
    """

    def __init__(self, block: MetricsBlock | None = None) -> None:
        block = MetricsBlock(CELLS) if block is None else block
        self.reads = Counter(
            block,
            "blrcs_cache_reads_total",
            "Reads through a strategy: fresh, stale, absent, miss, or failed where the cache did.",
            OUTCOME,
        )
        self.loads = Counter(
            block,
            "blrcs_cache_loads_total",
            "Keys loaded: loaded, absent or failed.",
            OUTCOME,
        )
        self.load_durations = DurationHistogram(
            block,
            "blrcs_cache_load_duration_seconds",
            "How long loads took.",
            label_names=NAMESPACE,
        )
        self.logged = Counter(
            block,
            "blrcs_write_behind_writes_total",
            "Writes given to a write-behind: logged, failed, or refused since it is full.",
            OUTCOME,
        )
        self.applied = Counter(
            block,
            "blrcs_write_behind_applied_total",
            "Logged writes dealt with: applied, or set aside as dead letters.",
            OUTCOME,
        )
        self.failures = Counter(
            block,
            "blrcs_write_behind_failures_total",
            "Attempts of a sink that failed, by what: the sink, or a write.",
            ("namespace", "of"),
        )
        self.entries = Gauge(
            block,
            "blrcs_write_behind_lag_entries",
            "Writes that are acknowledged and not applied.",
            NAMESPACE,
        )
        self.size_bytes = Gauge(
            block,
            "blrcs_write_behind_lag_bytes",
            "Bytes of their keys and values.",
            NAMESPACE,
        )
        self.age = Gauge(
            block,
            "blrcs_write_behind_lag_seconds",
            "Age of the oldest of them.",
            NAMESPACE,
            combine="max",
        )
