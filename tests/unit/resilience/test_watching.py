import structlog
from prometheus_client import CollectorRegistry

from blrcs.monitoring.breaker_metrics import BreakerMetrics
from blrcs.monitoring.native_collector import NativeCollector
from blrcs.resilience.circuit_breaker import BreakerRules, CircuitState
from blrcs.resilience.watching import noting, watched_breakers
from blrcs_native.monitoring.metrics import MetricsBlock


def figures(block):
    registry = CollectorRegistry()
    registry.register(NativeCollector(block))
    return registry.get_sample_value


def test_changes_are_counted_and_logged_once_each_way():
    block = MetricsBlock(4096)
    note = noting("database/primary", BreakerMetrics(block))
    value, labels = figures(block), {"dependency": "database/primary"}
    assert value("blrcs_circuit_state", labels) == 0
    with structlog.testing.capture_logs() as log:
        for state in ("OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN"):
            note(CircuitState[state])
        assert value("blrcs_circuit_state", labels) == 1
        note(CircuitState.CLOSED)
    assert [each["log_level"] for each in log] == ["warning", "info"]
    assert {each["dependency"] for each in log} == {"database/primary"}
    assert value("blrcs_circuit_state", labels) == 0
    assert value("blrcs_circuit_changes_total", {**labels, "state": "open"}) == 2


def test_each_dependency_has_a_circuit_of_its_own():
    block = MetricsBlock(4096)
    make = watched_breakers(BreakerRules(least_calls=1), BreakerMetrics(block))
    one, other = make("redis/a"), make("redis/b")
    one.failed()
    assert (one.is_closed, other.is_closed) == (False, True)
    assert figures(block)("blrcs_circuit_state", {"dependency": "redis/a"}) == 2
