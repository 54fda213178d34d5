"""What goes on in pools of connections, as metrics."""

from blrcs.resilience.watching import CircuitObserver, noting
from blrcs_native.monitoring.metrics import Counter, DurationHistogram, Gauge, MetricsBlock

MS_NS = 1_000_000
WAIT_BUCKETS_NS = tuple(
    ms * MS_NS for ms in (1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000)
)
LABELS = ("pool",)
POOLS = 20
"""More than the primary and its replicas can be."""


class PoolMetrics:
    """The families of all pools of a server.

    Making one changes nothing in the block.

    Args:
        block: Where they are.
        circuits: Told whether databases answer.
    """

    def __init__(self, block: MetricsBlock, circuits: CircuitObserver) -> None:
        self.circuits = circuits
        self.connections = Gauge(
            block,
            "blrcs_database_pool_connections",
            "Connections to the database that are open, lent or idle.",
            (*LABELS, "state"),
            2 * POOLS,
        )
        self.waiting = Gauge(
            block,
            "blrcs_database_pool_waiting",
            "Calls that wait for a connection now.",
            LABELS,
            POOLS,
        )
        self.waits = DurationHistogram(
            block,
            "blrcs_database_pool_wait_seconds",
            "How long calls waited that found no connection free, with one or none at the end.",
            WAIT_BUCKETS_NS,
            LABELS,
            POOLS,
        )
        self.timeouts = Counter(
            block,
            "blrcs_database_pool_timeouts_total",
            "Calls that got no connection in time and were refused.",
            LABELS,
            POOLS,
        )
        self.opened = Counter(
            block,
            "blrcs_database_pool_opened_total",
            "Connections opened, within the size of the pool or beyond it.",
            (*LABELS, "place"),
            2 * POOLS,
        )
        self.closed = Counter(
            block,
            "blrcs_database_pool_closed_total",
            "Connections closed, since they were not needed any more or broken.",
            (*LABELS, "reason"),
            2 * POOLS,
        )

    def observer(self, pool: str) -> "ObservedPool":
        """What one pool tells of itself; once for each name."""
        return ObservedPool(self, pool)


class ObservedPool:
    """A PoolObserver that counts.

    Args:
        metrics: The families.
        pool: Which pool.
    """

    def __init__(self, metrics: PoolMetrics, pool: str) -> None:
        self.circuit = noting(f"database/{pool}", metrics.circuits)
        self._in_use = metrics.connections.labels(pool, "in_use")
        self._idle = metrics.connections.labels(pool, "idle")
        self._waiting = metrics.waiting.labels(pool)
        self._waits = metrics.waits.labels(pool)
        self._timeouts = metrics.timeouts.labels(pool)
        self._opened = metrics.opened.labels(pool, "size")
        self._overflowed = metrics.opened.labels(pool, "overflow")
        self._spare = metrics.closed.labels(pool, "spare")
        self._broken = metrics.closed.labels(pool, "broken")

    def in_use(self, change: int) -> None:
        """See PoolObserver."""
        self._in_use.inc(change)
        self._idle.dec(change)

    def opened(self, *, overflow: bool) -> None:
        """See PoolObserver; what is open and not lent is idle."""
        self._idle.inc()
        (self._overflowed if overflow else self._opened).inc()

    def closed(self, *, broken: bool) -> None:
        """See PoolObserver."""
        self._idle.dec()
        (self._broken if broken else self._spare).inc()

    def waiting(self, change: int) -> None:
        """See PoolObserver."""
        self._waiting.inc(change)

    def waited(self, duration_ns: int) -> None:
        """See PoolObserver."""
        self._waits.observe_ns(duration_ns)

    def exhausted(self) -> None:
        """See PoolObserver."""
        self._timeouts.inc()
