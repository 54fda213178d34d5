"""How circuits to dependencies stand, as metrics."""

from blrcs.resilience.circuit_breaker import CircuitState
from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock

DEPENDENCIES = 64
FIGURES = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}


class BreakerMetrics:
    """The families, and a CircuitObserver that fills them.

    Making one changes nothing in the block.
    """

    def __init__(self, block: MetricsBlock) -> None:
        self._state = Gauge(
            block,
            "blrcs_circuit_state",
            "Whether a dependency is asked: 0 closed, it is; 1 half open; 2 open, it is not.",
            ("dependency",),
            DEPENDENCIES,
            combine="max",
        )
        self._changes = Counter(
            block,
            "blrcs_circuit_changes_total",
            "How often circuits came into a state.",
            ("dependency", "state"),
            3 * DEPENDENCIES,
        )

    def circuit(self, dependency: str, state: CircuitState) -> None:
        """See CircuitObserver."""
        self._state.labels(dependency).set(FIGURES[state])
        self._changes.labels(dependency, state.value).inc()
