"""What keeps a server from being overloaded, as the settings say."""

from blrcs.config.settings import Settings
from blrcs.interceptors.overload import overload_rejections
from blrcs.interceptors.watch_places import WatchPlaces
from blrcs.monitoring.overload_metrics import OverloadMetrics
from blrcs.resilience.circuit_breaker import BreakerRules
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.load.overload import Overload

NS_PER_S = 1_000_000_000


def breaker_rules(settings: Settings) -> BreakerRules | None:
    """When dependencies are not asked for a while; None where they always are."""
    overload = settings.overload
    if not overload.breakers:
        return None
    open_s = overload.breaker_open.ns / NS_PER_S
    return BreakerRules(
        failure_rate=overload.breaker_failure_rate,
        open_s=open_s,
        longest_open_s=max(open_s, BreakerRules().longest_open_s),
    )


def watch_places(settings: Settings) -> WatchPlaces:
    """The bounds of its watches: however many there are, as many other calls are served."""
    return WatchPlaces(
        most=max(1, settings.server.max_concurrent_calls // 2),
        most_per_caller=settings.overload.max_watches_per_principal,
    )


def assemble_overload(settings: Settings, metrics: OverloadMetrics) -> Overload:
    """The bounds of a worker."""
    overload, most = settings.overload, settings.server.max_concurrent_calls
    adaptive = None
    if overload.adaptive:
        adaptive = AdaptiveLimit(
            least=min(overload.min_calls, most), most=most, tolerance=overload.tolerance
        )
    return Overload(
        overload_rejections(),
        max_calls=most,
        reserve=overload.critical_calls,
        max_calls_per_caller=overload.max_calls_per_principal,
        adaptive=adaptive,
        max_wait_ns=overload.max_wait.ns,
        baseline_window_ns=overload.baseline_window.ns,
        refused=metrics.refused,
        running=metrics.running,
        limit=metrics.limit,
    )
