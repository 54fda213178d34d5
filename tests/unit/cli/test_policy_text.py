import pytest

from blrcs.cli.policy_text import COLUMNS, cells, json_values, limit_text
from blrcs.cli.served_methods import ServedMethod
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.policy import (
    NS_PER_S,
    Addresses,
    Limit,
    MethodPolicy,
    Permission,
    ResponseCache,
    StepUp,
)
from blrcs.transport.registration import Registration
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline

NAME = "/a.B/C"


async def handler(request, call):
    return None


def served(policy):
    registration = Registration(NAME, None, None)
    if policy is None:
        return ServedMethod(registration, None)
    method = Method(
        NAME,
        client_streaming=False,
        server_streaming=False,
        parse=None,
        serialize=None,
        policy=policy,
    )
    return ServedMethod(registration, Pipeline(method, handler))


FULL = MethodPolicy(
    Permission("orders.get", "orders/{order_id}", or_owner=True),
    limits=(Limit("principal", 10, burst=20), Limit("method", 5, algorithm="concurrency")),
    response_cache=ResponseCache(5 * NS_PER_S, shared=True),
    audit="call",
    idempotency_ttl_ns=90 * NS_PER_S,
    shadow=frozenset({"validation", "authorization"}),
    step_up=StepUp(AuthenticationLevel.MULTI_FACTOR, 600 * NS_PER_S),
    addresses=Addresses(("10.0.0.0/8",), ("10.1.0.0/16", "unix")),
    priority="high",
)


def test_a_row_says_all_of_a_policy():
    assert dict(zip(COLUMNS, cells(served(FULL)), strict=True)) == {
        "method": NAME,
        "access": "orders.get or owner",
        "resource": "orders/{order_id}",
        "limits": "10 in 1s by principal, 20 at once; 5 at the same time by method",
        "audit": "call",
        "cache": "5s shared",
        "idempotency": "1m30s",
        "shadow": "authorization, validation",
        "priority": "high",
        "validation": "no",
        "step-up": "multi factor, within 10m",
        "addresses": "10.0.0.0/8, not 10.1.0.0/16, unix",
    }


@pytest.mark.parametrize(
    ("access", "shown"),
    [
        ("public", ("public", "")),
        ("authenticated", ("authenticated", "")),
        (Permission("a.b"), ("a.b", "(root)")),
    ],
)
def test_a_row_says_who_may_call(access, shown):
    assert cells(served(MethodPolicy(access)))[1:3] == shown


def test_a_disabled_method_has_no_policy():
    assert cells(served(None)) == (NAME, "disabled", *[""] * (len(COLUMNS) - 2))
    assert json_values(served(None)) == {"method": NAME, "disabled": True}


def test_json_speaks_as_the_configuration_does():
    assert json_values(served(FULL)) == {
        "method": NAME,
        "disabled": False,
        "access": {"permission": "orders.get", "resource": "orders/{order_id}", "or_owner": True},
        "limits": [
            {
                "key": "principal",
                "requests": 10,
                "period": "1s",
                "burst": 20,
                "algorithm": "gcra",
                "per_message": False,
            },
            {
                "key": "method",
                "requests": 5,
                "period": "1s",
                "burst": None,
                "algorithm": "concurrency",
                "per_message": False,
            },
        ],
        "audit": "call",
        "response_cache": {"ttl": "5s", "shared": True},
        "idempotency_ttl": "1m30s",
        "shadow": ["authorization", "validation"],
        "priority": "high",
        "watch": False,
        "validation": False,
        "allow_password_change_required": False,
        "step_up": {"level": "multi_factor", "max_age": "10m"},
        "addresses": {"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16", "unix"]},
        "token_binding": None,
    }


def test_what_a_policy_does_not_ask_for_is_null():
    values = json_values(served(MethodPolicy("public")))
    assert (values["response_cache"], values["idempotency_ttl"]) == (None, None)
    assert (values["access"], values["limits"]) == ("public", [])


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit("address", 3), "3 in 1s by address, 3 at once"),
        (
            Limit("method", 3, 60 * NS_PER_S, algorithm="fixed_window"),
            "3 in 1m by method, fixed window",
        ),
        (Limit("method", 3, algorithm="sliding_window"), "3 in 1s by method, sliding window"),
        (
            Limit("principal", 3, per_message=True),
            "3 in 1s by principal, 3 at once, each message",
        ),
    ],
)
def test_a_limit_is_a_phrase(limit, text):
    assert limit_text(limit) == text
