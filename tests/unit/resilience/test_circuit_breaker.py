from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.resilience.circuit_breaker import (
    BreakerRules,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
)

RULES = BreakerRules(least_calls=4, window_s=10.0, open_s=1.0, longest_open_s=3.0, probes=2)


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def breaker(clock, changes):
    return make(clock, changes)


def make(clock, changes, rules=RULES, chance=0.5):
    return CircuitBreaker(rules, changes.append, clock=clock, chance=lambda: chance)


def is_admitted(breaker):
    try:
        breaker.admit()
    except CircuitOpenError:
        return False
    return True


def trip(breaker):
    for _ in range(4):
        breaker.admit()
        breaker.failed()
    assert breaker.state is CircuitState.OPEN


def test_all_are_admitted_while_the_dependency_answers(breaker, changes):
    for _ in range(100):
        breaker.admit()
        breaker.succeeded()
    assert (breaker.is_closed, changes) == (True, [])


def test_it_opens_at_the_rate_of_failures_and_not_before(breaker):
    for _ in range(5):
        breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    assert breaker.is_closed
    breaker.failed()
    assert not breaker.is_closed


def test_a_few_failures_open_nothing(breaker):
    for _ in range(3):
        breaker.failed()
    assert breaker.is_closed


def test_old_failures_are_forgotten(breaker, clock):
    for _ in range(3):
        breaker.failed()
    clock.now_s += RULES.window_s
    for _ in range(3):
        breaker.failed()
    assert breaker.is_closed


def test_nobody_is_admitted_while_it_is_open(breaker, clock):
    trip(breaker)
    clock.now_s += 0.9
    with pytest.raises(CircuitOpenError) as caught:
        breaker.admit()
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.reason == "DEPENDENCY_UNAVAILABLE"
    assert caught.value.retry_after_ns == pytest.approx(100_000_000)


def test_a_few_probes_are_admitted_then(breaker, clock):
    trip(breaker)
    clock.now_s += 1
    assert [is_admitted(breaker) for _ in range(4)] == [True, True, False, False]
    assert breaker.state is CircuitState.HALF_OPEN


def test_it_closes_when_all_probes_have_succeeded(breaker, clock, changes):
    trip(breaker)
    clock.now_s += 1
    breaker.admit()
    breaker.succeeded()
    assert not breaker.is_closed
    breaker.admit()
    breaker.succeeded()
    assert breaker.is_closed
    assert changes == [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED]
    for _ in range(3):
        breaker.failed()
    assert breaker.is_closed, "failures of before count no more"


def test_each_probe_that_fails_doubles_the_time_up_to_a_bound(breaker, clock):
    trip(breaker)
    for open_s in (1, 2, 3, 3):
        clock.now_s += open_s - 0.001
        assert not is_admitted(breaker)
        clock.now_s += 0.002
        assert is_admitted(breaker)
        breaker.failed()
    clock.now_s += 3.001
    for _ in range(2):
        breaker.admit()
        breaker.succeeded()
    trip(breaker)
    clock.now_s += 1.001
    assert is_admitted(breaker), "the next time begins with the first length"


@pytest.mark.parametrize(("chance", "open_s"), [(0.0, 0.75), (1.0, 1.25)])
def test_the_time_scatters(clock, changes, chance, open_s):
    breaker = make(clock, changes, chance=chance)
    trip(breaker)
    clock.now_s += open_s - 0.001
    assert not is_admitted(breaker)
    clock.now_s += 0.002
    assert is_admitted(breaker)


def test_probes_that_nothing_is_known_of_make_room_for_others(breaker, clock):
    trip(breaker)
    clock.now_s += 1
    for _ in range(10):
        breaker.admit()
        breaker.forgot()
    assert breaker.state is CircuitState.HALF_OPEN


def test_probes_that_got_lost_do_not_keep_it_half_open(breaker, clock):
    trip(breaker)
    clock.now_s += 1
    assert [is_admitted(breaker) for _ in range(3)] == [True, True, False]
    clock.now_s += 1
    assert is_admitted(breaker)


def test_what_ends_late_changes_nothing_while_it_is_open(breaker):
    trip(breaker)
    breaker.succeeded()
    breaker.failed()
    breaker.forgot()
    assert breaker.state is CircuitState.OPEN


def test_it_opens_where_most_calls_are_slow(clock, changes):
    rules = BreakerRules(least_calls=4, slow_s=0.1, slow_rate=0.75)
    breaker = make(clock, changes, rules)
    for elapsed_s in (0.05, 0.2, 0.2):
        breaker.succeeded(elapsed_s)
    assert breaker.is_closed
    breaker.succeeded(0.2)
    assert not breaker.is_closed
    clock.now_s += 2
    breaker.admit()
    breaker.succeeded(0.2)
    assert breaker.state is CircuitState.OPEN, "a slow probe is a failed one"


@given(
    st.lists(
        st.sampled_from(["admit", "succeeded", "failed", "forgot", "pass", "long"]), max_size=200
    )
)
def test_it_always_comes_back(steps):
    clock, changes = Clock(), []
    breaker = make(clock, changes)
    for step in steps:
        if step == "admit":
            is_admitted(breaker)
        elif step in {"pass", "long"}:
            clock.now_s += 0.3 if step == "pass" else 5
        else:
            getattr(breaker, step)()
    assert all(before is not after for before, after in pairwise(changes))
    for _ in range(20):
        clock.now_s += RULES.longest_open_s
        if is_admitted(breaker):
            breaker.succeeded()
    assert breaker.is_closed
