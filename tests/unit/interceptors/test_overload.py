"""What callers are told while a server, or what it depends on, cannot serve them."""

import pytest
from google.rpc import error_details_pb2, status_pb2

from blrcs.assembly.overload import assemble_overload, breaker_rules
from blrcs.config.settings import Settings
from blrcs.interceptors.error_mapping import domain_rejection
from blrcs.interceptors.overload import RETRY_MS, method_load, overload_rejections
from blrcs.monitoring.overload_metrics import OverloadMetrics
from blrcs.resilience.circuit_breaker import CircuitOpenError
from blrcs_native.load.overload import REFUSAL_NAMES
from blrcs_native.monitoring.metrics import MetricsBlock
from tests.unit.interceptors.calls import method_of


def details_of(rejection):
    packed = dict(rejection.trailers)["grpc-status-details-bin"]
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    details = status_pb2.Status.FromString(packed).details
    assert details[0].Unpack(info)
    if len(details) == 1:
        return info.reason, None
    assert details[1].Unpack(retry)
    return info.reason, retry.retry_delay.ToMilliseconds()


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("limit", "UNAVAILABLE", "OVERLOADED"),
        ("wait", "UNAVAILABLE", "WAITED_TOO_LONG"),
        ("caller", "RESOURCE_EXHAUSTED", "TOO_MANY_OWN_CALLS"),
    ],
)
def test_callers_are_sent_away_for_different_times(name, code, reason):
    told = overload_rejections()[REFUSAL_NAMES.index(name)]
    assert {each.code_name for each in told} == {code}
    assert [details_of(each) for each in told] == [(reason, wait_ms) for wait_ms in RETRY_MS]
    assert [dict(each.trailers)["grpc-retry-pushback-ms"] for each in told] == [
        str(wait_ms) for wait_ms in RETRY_MS
    ]


def test_who_would_be_gone_is_not_asked_to_come_again():
    (told,) = overload_rejections()[REFUSAL_NAMES.index("deadline")]
    assert told.code_name == "DEADLINE_EXCEEDED"
    assert details_of(told) == ("DEADLINE_TOO_NEAR", None)


def test_a_dependency_that_is_not_asked_is_unavailable_for_a_while():
    told = domain_rejection(CircuitOpenError(0.25))
    assert told.code_name == "UNAVAILABLE"
    assert details_of(told) == ("DEPENDENCY_UNAVAILABLE", 250)
    assert dict(told.trailers)["grpc-retry-pushback-ms"] == "250"


def assembled(**settings):
    return assemble_overload(Settings(**settings), OverloadMetrics(MetricsBlock(4096)))


def test_the_settings_bound_what_runs():
    overload = assembled(
        server={"max_concurrent_calls": 50},
        overload={"critical_calls": 3, "max_calls_per_principal": 4},
    )
    assert (overload.max_calls, overload.reserve, overload.max_calls_per_caller) == (50, 3, 4)
    assert overload.adaptive is None


def test_an_adaptive_limit_lies_within_the_settings():
    wide = assembled(overload={"adaptive": True, "min_calls": 7, "tolerance": 3})
    assert (wide.adaptive.least, wide.adaptive.most, wide.adaptive.tolerance) == (7, 1000, 3)
    narrow = assembled(server={"max_concurrent_calls": 5}, overload={"adaptive": True})
    assert (narrow.adaptive.least, narrow.adaptive.most) == (5, 5)


def test_breakers_are_by_the_settings():
    assert breaker_rules(Settings(overload={"breakers": False})) is None
    rules = breaker_rules(Settings(overload={"breaker_failure_rate": 0.3, "breaker_open": "30s"}))
    assert (rules.failure_rate, rules.open_s, rules.longest_open_s) == (0.3, 30, 30)


def test_without_bounds_a_method_has_no_part_in_them():
    assert method_load(None, method_of(), None) is None
