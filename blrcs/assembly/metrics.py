"""The metrics of a server, in one block of memory."""

from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.config.live import ReloadOutcome
from blrcs.domain.limit_rule import OnLoss
from blrcs.interceptors.rejection_metrics import RejectionMetrics
from blrcs.monitoring.audit_metrics import AuditMetrics
from blrcs.monitoring.breaker_metrics import BreakerMetrics
from blrcs.monitoring.issuer_metrics import IssuerMetrics
from blrcs.monitoring.overload_metrics import OverloadMetrics
from blrcs.monitoring.pool_metrics import PoolMetrics
from blrcs.monitoring.replica_metrics import ReplicaMetrics
from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock


class ServerMetrics:
    """The families that a server exposes beside those of the process.

    Making one changes nothing in the block, so that one can be made to look at another process's.
    """

    def __init__(self, block: MetricsBlock) -> None:
        self.calls = CallMetrics(block)
        self.rejections = Counter(
            block,
            "blrcs_guard_rejections_total",
            "Calls that a guard or handler refused, and that a guard in shadow would have.",
            RejectionMetrics.LABELS,
        )
        self.abuse = Counter(
            block,
            "blrcs_http2_abuse_total",
            "What clients did beyond the transport's limits, by kind.",
            ("kind",),
        )
        self.overload = OverloadMetrics(block)
        self.circuits = BreakerMetrics(block)
        self.pools = PoolMetrics(block, self.circuits)
        self.replicas = ReplicaMetrics(block)
        self.strategies = StrategyMetrics(block)
        self.audit = AuditMetrics(block)
        self.issuers = IssuerMetrics(block)
        self._without_redis = Counter(
            block,
            "blrcs_limits_without_redis_total",
            "Answers about limits while Redis was lost, by what the rules say happens then.",
            ("on_loss",),
        )
        self._reloads = Counter(
            block,
            "blrcs_config_reloads_total",
            "Attempts to reload the configuration.",
            ("outcome",),
        )
        self._epoch = Gauge(
            block,
            "blrcs_config_epoch",
            "Grows with every configuration put into effect.",
            combine="max",
        )

    def limited_without_redis(self, on_loss: OnLoss) -> None:
        """Counts an answer about limits that Redis had no part in."""
        self._without_redis.labels(on_loss).inc()

    def started(self) -> None:
        """Tells that the first configuration is in effect."""
        self._epoch.labels().set(1)

    def reloaded(self, epoch: int, outcome: ReloadOutcome) -> None:
        """Counts an attempt to reload; see LiveSettings."""
        self._reloads.labels(str(outcome)).inc()
        self._epoch.labels().set(epoch)
