"""What is known of overload, as metrics."""

from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock


class OverloadMetrics:
    """The families that an Overload fills. Making one changes nothing in the block."""

    def __init__(self, block: MetricsBlock) -> None:
        self.refused = Counter(
            block,
            "blrcs_overload_refused_total",
            "Calls that were refused for the sake of others, by priority and by why.",
            ("priority", "why"),
        )
        self.running = Gauge(block, "blrcs_overload_running_calls", "Handlers that run.")
        self.limit = Gauge(block, "blrcs_overload_limit_calls", "Handlers that may run.")
