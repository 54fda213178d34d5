"""What keeps a server from being overloaded, as the settings say."""

from blrcs.config.settings import Settings
from blrcs.interceptors.overload import overload_rejections
from blrcs.monitoring.overload_metrics import OverloadMetrics
from blrcs_native.adaptive_limit import AdaptiveLimit
from blrcs_native.overload import Overload


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
