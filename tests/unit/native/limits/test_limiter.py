"""The limiter equals an exact model, and takes all of a stack or nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.limits.limiter import (
    MAX_PERIOD_NS,
    MAX_REQUESTS,
    MAX_STACK,
    NEVER_NS,
    Rule,
)
from tests.unit.native.limits.limiter_model import Answer, LimiterModel
from tests.unit.native.limits.limiting import ALGORITHMS, SECOND, answer_of, limiter_at

# Against the model

KEYS = [b"", b"a", "ключ".encode()]


def rules(algorithm):
    most = 2**32 - 1 if algorithm == "concurrency" else MAX_REQUESTS
    sizes = st.integers(1, 8) | st.integers(0, most) | st.just(most)
    periods = st.integers(1, 60) | st.integers(1, 10 * SECOND) | st.just(MAX_PERIOD_NS)
    bursts = st.none()
    if algorithm == "gcra":
        bursts = st.none() | st.integers(0, 8) | st.integers(0, MAX_REQUESTS)
    return st.builds(Rule, st.just(algorithm), sizes, periods, identity=st.just("r"), burst=bursts)


@st.composite
def histories(draw, algorithms):
    """Two rules, and steps sized so that they come near the rules' edges."""
    known = [draw(rules(draw(st.sampled_from(algorithms)))) for _ in range(2)]
    rule = st.sampled_from(known)
    key = st.sampled_from(KEYS)
    edges = sorted({r.burst // d for r in known for d in (1, 2, 3)})
    cost = st.integers(0, 4) | st.sampled_from(edges) | st.sampled_from([2**63 - 1, 2**80])
    spans = sorted(
        {r.period_ns // d for r in known for d in (1, 2, 5, max(r.limit, 1))}
        | {r.period_ns * 6 // 5 + 6 for r in known}
    )
    ticks = (
        st.integers(-3, 3) | st.sampled_from(spans) | st.sampled_from([-SECOND, 2**64, -(2**64)])
    )
    step = (
        st.tuples(st.just("advance"), ticks)
        | st.tuples(st.just("consume"), rule, key, cost)
        | st.tuples(st.just("peek"), rule, key, cost)
        | st.tuples(st.just("refund"), rule, key, cost)
        | st.tuples(st.just("release"), rule, key, ticks, cost)
        | st.tuples(st.just("reset"), rule, key)
        | st.tuples(
            st.just("consume_all"), st.lists(st.tuples(rule, key, cost), min_size=1, max_size=5)
        )
    )
    start = draw(st.integers(0, 100) | st.integers(0, 2**61))
    return start, draw(st.lists(step, max_size=60))


@st.composite
def dense_histories(draw, algorithm):
    """One small rule and one key, so that windows, slices and leases meet often."""
    burst = draw(st.none() | st.integers(1, 6)) if algorithm == "gcra" else None
    rule = Rule(
        algorithm, draw(st.integers(1, 6)), draw(st.integers(1, 40)), identity="r", burst=burst
    )
    cost = st.integers(1, 3)
    tick = st.sampled_from([1, 1, 2, 3, 5, -(-rule.period_ns // 5), rule.period_ns])
    step = (
        st.tuples(st.just("advance"), tick)
        | st.tuples(st.just("consume"), st.just(rule), st.just(b"k"), cost)
        | st.tuples(st.just("refund"), st.just(rule), st.just(b"k"), cost)
        | st.tuples(st.just("release"), st.just(rule), st.just(b"k"), st.integers(-60, 60), cost)
    )
    return draw(st.integers(0, 99)), draw(st.lists(step, min_size=20, max_size=80))


def replay(start, steps):
    """Runs the steps on both and compares every answer."""
    limiter, clock = limiter_at(start)
    model = LimiterModel()
    for name, *arguments in steps:
        if name == "advance":
            clock.now += arguments[0]
            if abs(clock.now) > 2**65:
                clock.now = 0
            continue
        if name == "release" and arguments[0].algorithm != "concurrency":
            continue
        if name != "reset":
            model.see(clock.now)
        if name == "release":
            rule, key, since, cost = arguments
            lease = model.now + since
            limiter.release(rule, key, lease, cost)
            model.release(rule, key, lease, cost)
        elif name == "reset":
            limiter.reset(*arguments)
            model.reset(*arguments)
        elif name == "refund":
            limiter.refund(*arguments)
            model.refund(*arguments)
        elif name == "peek":
            expected = model.consume(*arguments, take=False)
            assert answer_of(limiter.peek(*arguments)) == expected
        else:
            decision = getattr(limiter, name)(*arguments)
            assert answer_of(decision) == getattr(model, name)(*arguments)
    assert limiter.stats().forced_evictions == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_every_algorithm_equals_the_model(algorithm, data):
    replay(*data.draw(histories([algorithm])))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_every_algorithm_equals_the_model_in_dense_traffic(algorithm, data):
    replay(*data.draw(dense_histories(algorithm)))


@given(histories(ALGORITHMS))
@settings(max_examples=300, deadline=None)
def test_algorithms_side_by_side_equal_the_model(history):
    replay(*history)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_refused_cost_fits_at_its_retry_time_and_not_before(algorithm, data):
    limit = data.draw(st.integers(1, 9))
    rule = Rule(algorithm, limit, data.draw(st.integers(1, 10**6)), identity="r")
    limiter, clock = limiter_at(data.draw(st.integers(0, 10**9)))
    for cost, tick in data.draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10**6)))):
        limiter.consume(rule, b"k", cost)
        clock.now += tick
    cost = data.draw(st.integers(1, limit))
    refused = limiter.peek(rule, b"k", cost)
    if refused.allowed:
        return
    start = clock.now
    clock.now = start + refused.retry_after_ns - 1
    assert not limiter.peek(rule, b"k", cost)
    clock.now = start + refused.retry_after_ns
    assert limiter.peek(rule, b"k", cost)


def test_gcra_never_drifts_over_intervals_that_are_no_whole_nanoseconds():
    rule = Rule("gcra", 3, 10, identity="thirds", burst=1)
    limiter, clock = limiter_at(0)
    admitted = 0
    for clock.now in range(100_000):
        admitted += bool(limiter.consume(rule, b"k"))
    # Due every 10/3 ns, so asked at whole nanoseconds with no burst to save up: every 4th.
    assert admitted == 25_000
    burst = Rule("gcra", 3, 10, identity="thirds", burst=3)
    limiter, clock = limiter_at(0)
    admitted = sum(limiter.consume(burst, b"k").allowed for clock.now in range(100_000))
    # The burst, and exactly what the 99,999 ns passed bring: 29,999.7.
    assert admitted == 3 + 29_999


# Costs and stacks


def test_consume_tells_what_remains_and_when_to_return():
    limiter, _ = limiter_at(7 * SECOND)
    rule = Rule("gcra", 2, SECOND, identity="r")
    first, second, third = (limiter.consume(rule, "k") for _ in range(3))
    assert answer_of(first) == Answer(True, 2, 1, 0, SECOND // 2, 7 * SECOND, -1)
    assert answer_of(second) == Answer(True, 2, 0, 0, SECOND, 7 * SECOND, -1)
    assert answer_of(third) == Answer(False, 2, 0, SECOND // 2, SECOND, 7 * SECOND, 0)
    assert (bool(first), bool(third)) == (True, False)
    assert "remaining=1" in repr(first)


def test_cost_zero_is_allowed_takes_nothing_and_tells_the_state(rule):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "k", 5)
    for _ in range(3):
        decision = limiter.consume(rule, "k", 0)
        assert decision.allowed
        assert decision.remaining == 0
    limiter.consume(rule, "new", 0)
    assert limiter.stats().live_cells == 1


@pytest.mark.parametrize("operation", ["consume", "peek", "refund"])
def test_a_negative_cost_raises(rule, operation):
    limiter, _ = limiter_at(0)
    for cost in (-1, -(2**63), -(2**100)):
        with pytest.raises(ValueError, match="negative"):
            getattr(limiter, operation)(rule, "k", cost)
    with pytest.raises(ValueError, match="negative"):
        limiter.consume_all([(rule, "k", 1), (rule, "k", -1)])
    assert limiter.peek(rule, "k").remaining == 5


@pytest.mark.parametrize("cost", [6, 2**62, 2**63 - 1, 2**63, 2**200])
def test_a_cost_above_the_burst_is_refused_for_ever(rule, cost):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "k", 2)
    decision = limiter.consume(rule, "k", cost)
    assert not decision.allowed
    assert decision.retry_after_ns == NEVER_NS
    assert decision.remaining == 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_limit_of_zero_refuses_all_but_cost_zero(algorithm):
    rule = Rule(algorithm, 0, SECOND, identity="r", burst=5 if algorithm == "gcra" else None)
    limiter, _ = limiter_at(0)
    assert limiter.consume(rule, "k").retry_after_ns == NEVER_NS
    assert limiter.consume(rule, "k", 0).allowed
    assert limiter.stats().live_cells == 0


def test_a_clock_that_goes_back_grants_nothing(rule):
    limiter, clock = limiter_at(100 * SECOND)
    limiter.consume(rule, "k", 5)
    for clock.now in (99 * SECOND, 0, -1, -5, -(2**70)):
        assert not limiter.consume(rule, "k")
        assert limiter.consume(rule, "k").reset_after_ns <= 2 * SECOND
    clock.now = 103 * SECOND
    assert limiter.consume(rule, "k", 5)


def test_a_refund_is_never_above_full(rule):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "k", 3)
    limiter.refund(rule, "k", 2)
    assert limiter.peek(rule, "k").remaining == 4
    for cost in (10, 2**100):
        limiter.refund(rule, "k", cost)
        limiter.refund(rule, "unseen", cost)
    assert limiter.peek(rule, "k").remaining == 5
    assert limiter.stats().live_cells == 0


def test_a_stack_takes_all_or_nothing(rule):
    other = Rule("gcra", 2, SECOND, identity="other")
    limiter, _ = limiter_at(0)
    assert limiter.consume_all([(rule, "k", 1), (other, "k", 2)])
    refused = limiter.consume_all([(rule, "k", 1), (rule, "j", 1), (other, "k", 1)])
    assert not refused.allowed
    assert refused.index == 2
    assert refused.limit == 2
    assert limiter.peek(rule, "k").remaining == 4
    assert limiter.peek(rule, "j").remaining == 5


def test_a_stack_adds_up_what_it_takes_from_one_cell(rule):
    limiter, _ = limiter_at(0)
    same = Rule(rule.algorithm, 5, SECOND, identity="test")
    refused = limiter.consume_all([(rule, "k", 3), (same, b"k", 3)])
    assert (refused.allowed, refused.index, refused.retry_after_ns) == (False, 1, NEVER_NS)
    assert limiter.peek(rule, "k").remaining == 5
    assert limiter.consume_all([(rule, "k", 3), (same, b"k", 2)]).remaining == 0
    most = [(rule, "k", 2**63 - 1)] * 3
    assert limiter.consume_all(most).retry_after_ns == NEVER_NS


def test_a_refused_stack_names_the_longest_wait():
    limiter, _ = limiter_at(0)
    soon = Rule("gcra", 1, SECOND, identity="soon")
    late = Rule("gcra", 1, 60 * SECOND, identity="late")
    stack = [(soon, "k", 1), (late, "k", 1), (soon, "j", 1)]
    assert limiter.consume_all(stack)
    refused = limiter.consume_all(stack)
    assert (refused.index, refused.retry_after_ns) == (1, 60 * SECOND)


@pytest.mark.parametrize("size", [0, MAX_STACK + 1])
def test_a_stack_of_no_possible_size_raises(rule, size):
    limiter, _ = limiter_at(0)
    with pytest.raises(ValueError, match="stack"):
        limiter.consume_all([(rule, "k", 1)] * size)


def test_a_full_stack_is_taken(rule):
    limiter, _ = limiter_at(0, capacity_cells=65_536)
    stack = [(rule, str(number), 5) for number in range(MAX_STACK)]
    assert limiter.consume_all(stack)
    assert limiter.consume_all(stack).index == 0


@pytest.mark.parametrize(
    "stack", [[(None, "k", 1)], [("rule", "k", 1)], [None], None, [(1, 2)], [(None, "k", 1, 1)]]
)
def test_a_malformed_stack_raises(stack):
    limiter, _ = limiter_at(0)
    with pytest.raises((TypeError, ValueError)):
        limiter.consume_all(stack)


# Concurrency


def test_a_released_lease_makes_room():
    rule = Rule("concurrency", 2, SECOND, identity="r")
    limiter, _ = limiter_at(0)
    first = limiter.consume(rule, "k")
    limiter.consume(rule, "k")
    assert not limiter.consume(rule, "k")
    limiter.release(rule, "k", first.lease)
    assert limiter.consume(rule, "k")


@pytest.mark.parametrize("start", [0, 1, SECOND // 5 - 1, SECOND // 5, 12345])
def test_a_lost_lease_lapses_between_one_and_six_fifths_of_the_period(start):
    rule = Rule("concurrency", 1, SECOND, identity="r")
    limiter, clock = limiter_at(start)
    limiter.consume(rule, "k")
    clock.now = start + SECOND
    assert not limiter.peek(rule, "k")
    clock.now = start + SECOND * 6 // 5 + 6
    assert limiter.peek(rule, "k")


def test_releasing_a_lapsed_lease_ends_no_other():
    rule = Rule("concurrency", 1, SECOND, identity="r")
    limiter, clock = limiter_at(0)
    lost = limiter.consume(rule, "k")
    clock.now = 2 * SECOND
    assert limiter.consume(rule, "k")
    for lease in (lost.lease, -1, -(2**70), 2**70, 3 * SECOND):
        limiter.release(rule, "k", lease)
    assert not limiter.peek(rule, "k")


def test_one_lease_releases_every_element_of_its_stack():
    stack = [
        (Rule("concurrency", 1, period, identity="r"), "k", 1) for period in (7, SECOND, 9 * SECOND)
    ]
    limiter, _ = limiter_at(123_456_789_012)
    lease = limiter.consume_all(stack).lease
    for rule, key, _ in stack:
        limiter.release(rule, key, lease)
    assert limiter.stats().live_cells == 0


def test_release_knows_concurrency_rules_only():
    limiter, _ = limiter_at(0)
    with pytest.raises(ValueError, match="leases"):
        limiter.release(Rule("gcra", 1, 1, identity="r"), "k", 0)
