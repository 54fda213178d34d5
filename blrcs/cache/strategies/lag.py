"""How far a write-behind is behind, as a metric."""

from blrcs.cache.strategies.backlog import Backlog
from blrcs.cache.strategies.metrics import StrategyMetrics

NS_PER_S = 1_000_000_000


class Lag:
    """Tells of one namespace's backlog."""

    def __init__(self, metrics: StrategyMetrics, namespace: str) -> None:
        self._entries = metrics.entries.labels(namespace)
        self._size_bytes = metrics.size_bytes.labels(namespace)
        self._age = metrics.age.labels(namespace)

    def tell(self, backlog: Backlog, now_ns: int) -> None:
        """Sets the gauges to what holds now, by the wall clock."""
        oldest = backlog.oldest
        age_ns = 0 if oldest is None else max(0, now_ns - oldest.time_ns)
        self._entries.set(len(backlog))
        self._size_bytes.set(backlog.size_bytes)
        self._age.set(age_ns / NS_PER_S)
