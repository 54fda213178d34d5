"""What is known of replicas, as metrics."""

import math

from blrcs.monitoring.pool_metrics import POOLS
from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock


class ReplicaMetrics:
    """The families, and a ReplicaObserver that fills them.

    Making one changes nothing in the block.
    """

    def __init__(self, block: MetricsBlock) -> None:
        self._lag = Gauge(
            block,
            "blrcs_database_replica_lag_seconds",
            "How old what a replica has may be; +Inf where it is unknown.",
            ("replica",),
            POOLS,
            combine="max",
        )
        self._usable = Gauge(
            block,
            "blrcs_database_replica_readers",
            "Workers that read from a replica, since it answers and keeps up.",
            ("replica",),
            POOLS,
        )
        self._reads = Counter(
            block,
            "blrcs_database_stale_reads_total",
            "Reads that may be stale, by what they were answered from.",
            ("source",),
            POOLS,
        )

    def checked(self, replica: str, lag_s: float | None, *, usable: bool) -> None:
        """See ReplicaObserver."""
        self._lag.labels(replica).set(math.inf if lag_s is None else lag_s)
        self._usable.labels(replica).set(usable)

    def read(self, source: str) -> None:
        """See ReplicaObserver."""
        self._reads.labels(source).inc()
