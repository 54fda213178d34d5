"""What pools and replicas tell becomes metrics."""

import math
from typing import Any

from prometheus_client import CollectorRegistry

from blrcs.database.pool import Pool, PoolLimits
from blrcs.monitoring.breaker_metrics import BreakerMetrics
from blrcs.monitoring.native_collector import NativeCollector
from blrcs.monitoring.pool_metrics import PoolMetrics
from blrcs.monitoring.replica_metrics import ReplicaMetrics
from blrcs_native.monitoring.metrics import MetricsBlock


class Figures:
    """The samples of a block, without the beginning of their names."""

    def __init__(self) -> None:
        self.block = MetricsBlock(4096)
        self._registry = CollectorRegistry()
        self._registry.register(NativeCollector(self.block))

    def of(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"blrcs_database_{name}", labels)


async def connect() -> Any:
    return object()


async def test_a_pool_is_told_whole() -> None:
    figures = Figures()
    metrics = PoolMetrics(figures.block, BreakerMetrics(figures.block))
    usable = True
    pool: Pool[Any] = Pool(
        connect,
        lambda connection: None,
        is_usable=lambda connection: usable,
        limits=PoolLimits(size=1, overflow=1, linger_s=0),
        observer=metrics.observer("primary"),
    )

    def connections() -> tuple[float | None, float | None]:
        return tuple(  # type: ignore[return-value]
            figures.of("pool_connections", pool="primary", state=state)
            for state in ("in_use", "idle")
        )

    kept, spare = await pool.take(), await pool.take()
    assert connections() == (2, 0)
    pool.give_back(spare)
    pool.give_back(kept)
    assert connections() == (0, 1)
    usable = False
    broken = await pool.take()
    pool.discard(broken)
    assert connections() == (0, 0)
    assert figures.of("pool_opened_total", pool="primary", place="size") == 2
    assert figures.of("pool_opened_total", pool="primary", place="overflow") == 1
    assert figures.of("pool_closed_total", pool="primary", reason="spare") == 1
    assert figures.of("pool_closed_total", pool="primary", reason="broken") == 2
    assert figures.of("pool_timeouts_total", pool="primary") == 0


def test_waits_are_told() -> None:
    figures = Figures()
    observer = PoolMetrics(figures.block, BreakerMetrics(figures.block)).observer("replica1")
    observer.waiting(1)
    assert figures.of("pool_waiting", pool="replica1") == 1
    observer.waiting(-1)
    observer.waited(20_000_000)
    observer.exhausted()
    assert figures.of("pool_waiting", pool="replica1") == 0
    assert figures.of("pool_wait_seconds_count", pool="replica1") == 1
    assert figures.of("pool_wait_seconds_sum", pool="replica1") == 0.02
    assert figures.of("pool_wait_seconds_bucket", pool="replica1", le="0.01") == 0
    assert figures.of("pool_wait_seconds_bucket", pool="replica1", le="0.05") == 1
    assert figures.of("pool_timeouts_total", pool="replica1") == 1


def test_replicas_are_told() -> None:
    figures = Figures()
    metrics = ReplicaMetrics(figures.block)
    metrics.checked("replica1", 0.5, usable=True)
    metrics.checked("replica2", None, usable=False)
    metrics.read("replica1")
    metrics.read("primary")
    metrics.read("primary")
    assert figures.of("replica_lag_seconds", replica="replica1") == 0.5
    assert figures.of("replica_lag_seconds", replica="replica2") == math.inf
    assert figures.of("replica_readers", replica="replica1") == 1
    assert figures.of("replica_readers", replica="replica2") == 0
    assert figures.of("stale_reads_total", source="replica1") == 1
    assert figures.of("stale_reads_total", source="primary") == 2
