"""Shows Prometheus where limiters have no room."""

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from blrcs_native.limits.limiter import Limiter


class LimiterCollector(Collector):
    """Tells how often a limiter has forgotten what still counted.

    Args:
        limiters: By the names of their tables; looked at anew at each scrape.
    """

    def __init__(self, limiters: Mapping[str, Limiter]) -> None:
        self._limiters = limiters

    def collect(self) -> Iterator[Metric]:
        """A counter with the label ``table``."""
        evictions = CounterMetricFamily(
            "blrcs_limiter_evictions_total",
            "Counters that were dropped, though they still counted, because a table had no room.",
            labels=["table"],
        )
        for name, limiter in self._limiters.items():
            evictions.add_metric([name], limiter.forced_evictions)
        yield evictions
