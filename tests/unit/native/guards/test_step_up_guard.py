"""What a token has to say of the proof that it stands for."""

import pytest

from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.step_up import StepUpGuard
from tests.unit.native.tokens.token_factory import (
    NOW_NS,
    NOW_S,
    FakeClock,
    make_token,
    make_verifier,
)

REFUSED = Rejection(16, "authentication", "STEP_UP_REQUIRED", "prove it")
MINUTE_NS = 60 * 10**9


def check(*, clock=None, acr_values=(), max_age_ns=None, principal=True, **claims):
    guard = StepUpGuard(
        REFUSED, acr_values=acr_values, max_age_ns=max_age_ns, clock=clock or FakeClock()
    )
    method = Method(
        "/a.B/C", client_streaming=False, server_streaming=False, parse=None, serialize=None
    )
    call = Call(method, None, (), "")
    if principal:
        verified = make_verifier().verify(make_token(**claims))
        call.principal = Principal("users/alice", claims=verified)
    return guard.check(call)


@pytest.mark.parametrize(
    ("acr", "admitted"),
    [
        ("aal2", True),
        ("phr", True),
        ("aal1", False),
        ("AAL2", False),
        ("", False),
        (2, False),
        (["aal2"], False),
        (None, False),
    ],
)
def test_the_level_is_one_of_those_that_will_do(acr, admitted):
    verdict = check(acr_values=("aal2", "phr"), acr=acr)

    assert (verdict is None) == admitted


def test_a_token_that_says_nothing_is_refused():
    assert check(acr_values=("aal1",)) is REFUSED
    assert check(max_age_ns=MINUTE_NS) is REFUSED


@pytest.mark.parametrize(
    ("auth_time", "admitted"),
    [
        (NOW_S, True),
        (NOW_S - 60, True),
        (NOW_S - 61, False),
        (NOW_S + 300, True),
        (NOW_S + 301, False),
        (0, False),
        (-NOW_S, False),
        (2**63, False),
        (2**100, False),
        (float(NOW_S), False),
        (str(NOW_S), False),
        (True, False),
        (None, False),
    ],
)
def test_the_proof_is_no_older_than_it_may_be(auth_time, admitted):
    verdict = check(max_age_ns=MINUTE_NS, auth_time=auth_time)

    assert (verdict is None) == admitted


def test_both_are_demanded_where_both_are_given():
    demanded = {"acr_values": ("aal2",), "max_age_ns": MINUTE_NS}

    assert check(**demanded, acr="aal2", auth_time=NOW_S) is None
    assert check(**demanded, acr="aal1", auth_time=NOW_S) is REFUSED
    assert check(**demanded, acr="aal2", auth_time=NOW_S - 61) is REFUSED


def test_a_proof_grows_old_while_the_token_is_valid():
    clock = FakeClock()
    assert check(clock=clock, max_age_ns=MINUTE_NS, auth_time=NOW_S) is None

    clock.now_ns = NOW_NS + MINUTE_NS + 10**9

    assert check(clock=clock, max_age_ns=MINUTE_NS, auth_time=NOW_S) is REFUSED


def test_a_call_without_a_principal_is_refused():
    assert check(acr_values=("aal1",), principal=False) is REFUSED


def test_a_guard_that_demands_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="demands"):
        StepUpGuard(REFUSED)
