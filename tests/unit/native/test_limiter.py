"""The limiter equals an exact model, keeps its memory, and refuses what it cannot understand."""

import pickle
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.limit_table import LimitTable
from blrcs_native.limiter import (
    MAX_PERIOD_NS,
    MAX_REQUESTS,
    MAX_STACK,
    NEVER_NS,
    Decision,
    Limiter,
    Rule,
)
from tests.unit.native.limiter_model import Answer, LimiterModel

SECOND = 1_000_000_000
ALGORITHMS = ["gcra", "fixed_window", "sliding_window", "concurrency"]
HEADER_BYTES = 128
BUCKET_BYTES = 512


class FakeClock:
    """A clock that stands where it is put."""

    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now


def answer_of(decision: Decision) -> Answer:
    return Answer(*(getattr(decision, name) for name in Answer.__slots__))


def limiter_at(now, capacity_cells=64):
    clock = FakeClock(now)
    return Limiter(capacity_cells, clock=clock), clock


@pytest.fixture(params=ALGORITHMS)
def rule(request):
    return Rule(request.param, 5, SECOND, identity="test")


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


# Rules and keys


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("leaky", 1, 1), {}),
        (("gcra", -1, 1), {}),
        (("gcra", MAX_REQUESTS + 1, 1), {}),
        (("concurrency", 2**32, 1), {}),
        (("gcra", 1, 0), {}),
        (("gcra", 1, MAX_PERIOD_NS + 1), {}),
        (("gcra", 1, 1), {"burst": -1}),
        (("gcra", 1, 1), {"burst": MAX_REQUESTS + 1}),
        (("fixed_window", 1, 1), {"burst": 2}),
    ],
)
def test_a_rule_out_of_range_raises(arguments, options):
    with pytest.raises(ValueError, match=r"must be|no burst"):
        Rule(*arguments, identity="r", **options)


def test_rules_are_values():
    one = Rule("gcra", 2, 3, identity="i", burst=4)
    assert (one.algorithm, one.limit, one.period_ns, one.burst, one.identity) == (
        "gcra",
        2,
        3,
        4,
        "i",
    )
    assert one == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
    assert one != Rule("gcra", 2, 3, identity="j", burst=4)
    assert one != "gcra"
    assert repr(one) == "Rule('gcra', 2, 3, burst=4, identity='i')"
    with pytest.raises(AttributeError):
        one.limit = 5


@pytest.mark.parametrize(
    ("taken", "other"),
    [
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 5, 60, identity="b")),
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 6, 60, identity="a", burst=5)),
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 5, 61, identity="a")),
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 5, 60, identity="a", burst=6)),
        (
            Rule("fixed_window", 5, 60, identity="a"),
            Rule("sliding_window", 5, 60, identity="a"),
        ),
    ],
)
def test_rules_that_differ_share_nothing(taken, other):
    limiter, _ = limiter_at(0)
    limiter.consume(taken, "k", 5)
    assert limiter.peek(other, "k").remaining == other.burst


def test_a_str_is_the_key_of_its_utf8(rule):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "schlüssel", 5)
    assert not limiter.peek(rule, "schlüssel".encode())
    assert limiter.peek(rule, "schlussel")


@pytest.mark.parametrize("key", [1, None, bytearray(b"k"), ("k",)])
def test_a_key_of_another_type_raises(rule, key):
    with pytest.raises(TypeError, match="str or bytes"):
        limiter_at(0)[0].consume(rule, key)


def test_a_key_that_has_no_utf8_raises(rule):
    with pytest.raises(UnicodeEncodeError):
        limiter_at(0)[0].consume(rule, "\ud800")


def test_reset_forgets_one_key(rule):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "k", 5)
    limiter.consume(rule, "j", 5)
    limiter.reset(rule, "k")
    limiter.reset(rule, "unseen")
    assert limiter.peek(rule, "k").remaining == 5
    assert limiter.peek(rule, "j").remaining == 0


# The clock


def test_the_native_clock_moves_on_its_own():
    limiter = Limiter(8)
    rule = Rule("gcra", 1, 3600 * SECOND, identity="r")
    first = limiter.consume(rule, "k")
    second = limiter.consume(rule, "k")
    assert (first.allowed, second.allowed) == (True, False)
    assert 0 < first.lease <= second.lease
    assert second.retry_after_ns <= 3600 * SECOND


def test_a_clock_that_fails_takes_nothing(rule):
    def broken():
        raise OSError("no time")

    block = bytearray(HEADER_BYTES + BUCKET_BYTES)
    limiter = Limiter(buffer=block, clock=broken)
    before = bytes(block)
    for operation in (limiter.consume, limiter.refund):
        with pytest.raises(OSError, match="no time"):
            operation(rule, "k")
    assert bytes(block) == before


def test_a_clock_of_no_integers_raises(rule):
    with pytest.raises(TypeError):
        Limiter(8, clock=lambda: 1.5).consume(rule, "k")
    with pytest.raises(TypeError, match="callable"):
        Limiter(8, clock=5)


def test_a_clock_may_use_the_limiter(rule):
    limiter = Limiter(8, clock=lambda: 0)
    outer = Limiter(8, clock=lambda: limiter.consume(rule, "inner").remaining)
    assert outer.consume(rule, "k").remaining == 4
    assert limiter.peek(rule, "inner").remaining == 4


# The table


def test_a_flood_of_keys_stays_within_the_block_and_frees_no_limited_key(rule):
    block = bytearray(HEADER_BYTES + 1024 // 8 * BUCKET_BYTES)
    limiter = Limiter(buffer=block, clock=FakeClock(0))
    for _ in range(5):
        assert limiter.consume(rule, "victim")
    for number in range(1_000_000):
        limiter.consume(rule, str(number))
    assert not limiter.peek(rule, "victim")
    stats = limiter.stats()
    assert (stats.capacity_cells, stats.size_bytes) == (1024, len(block))
    assert stats.live_cells == 1024
    assert stats.forced_evictions == 1_000_000 + 1 - 1024


def test_a_flood_of_keys_allocates_nothing(rule):
    limiter = Limiter(1024)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            limiter.consume(rule, str(number))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 16_384


def test_a_new_key_takes_the_place_of_a_recovered_one_first():
    limiter, clock = limiter_at(0, capacity_cells=8)
    long = Rule("gcra", 1, 100 * SECOND, identity="long")
    short = Rule("gcra", 1, SECOND, identity="short")
    for number in range(7):
        limiter.consume(long, str(number))
    limiter.consume(short, "short")
    clock.now = SECOND
    limiter.consume(long, "new")
    assert all(not limiter.peek(long, key) for key in [*map(str, range(7)), "new"])
    assert limiter.stats().forced_evictions == 0


def test_else_the_one_that_recovers_soonest_starts_afresh():
    limiter, _ = limiter_at(0, capacity_cells=8)
    keys = [str(number) for number in range(8)]
    rules = {key: Rule("gcra", 1, (9 + int(key)) * SECOND, identity="r") for key in keys}
    for key in random.Random(1).sample(keys, 8):
        limiter.consume(rules[key], key)
    limiter.consume(Rule("gcra", 1, 99 * SECOND, identity="r"), "new")
    assert [limiter.peek(rules[key], key).allowed for key in keys] == [True] + [False] * 7
    assert limiter.stats() == (8, 8, HEADER_BYTES + BUCKET_BYTES, 1)


@pytest.mark.parametrize("light", range(8))
def test_among_equals_the_least_loaded_starts_afresh(light):
    limiter, _ = limiter_at(0, capacity_cells=8)
    rule = Rule("fixed_window", 5, SECOND, identity="r")
    for number in range(8):
        limiter.consume(rule, str(number), 3 if number == light else 4)
    limiter.consume(rule, "new", 1)
    assert [limiter.peek(rule, str(number)).remaining for number in range(8)] == [
        5 if number == light else 1 for number in range(8)
    ]


def test_a_cell_that_recovers_beyond_all_time_is_kept():
    limiter, _ = limiter_at(2**62, capacity_cells=8)
    rule = Rule("gcra", 1, MAX_PERIOD_NS, identity="r", burst=MAX_REQUESTS)
    decision = limiter.consume(rule, "k", MAX_REQUESTS)
    assert (decision.allowed, decision.reset_after_ns) == (True, NEVER_NS - 1)
    assert limiter.stats().live_cells == 1
    assert limiter.consume(rule, "k", MAX_REQUESTS).retry_after_ns == NEVER_NS - 1


def test_a_refund_frees_the_cell(rule):
    limiter, _ = limiter_at(0, capacity_cells=8)
    for number in range(8):
        limiter.consume(rule, str(number), 5)
    limiter.refund(rule, "3", 5)
    limiter.consume(rule, "new")
    assert limiter.stats().forced_evictions == 0


@pytest.mark.parametrize(("asked", "given"), [(1, 8), (8, 8), (9, 16), (1000, 1000)])
def test_capacity_is_rounded_up_to_whole_buckets(asked, given):
    assert Limiter(asked).stats().capacity_cells == given


@pytest.mark.parametrize("capacity", [0, -1, 2**36 + 1])
def test_a_capacity_out_of_range_raises(capacity):
    with pytest.raises(ValueError, match="capacity_cells"):
        Limiter(capacity)


def test_either_capacity_or_buffer_is_given():
    with pytest.raises(ValueError, match="either"):
        Limiter()
    with pytest.raises(ValueError, match="either"):
        Limiter(8, buffer=bytearray(1024))


def test_every_bucket_is_used():
    limiter, _ = limiter_at(0, capacity_cells=24)
    rule = Rule("gcra", 1, SECOND, identity="r")
    for number in range(200):
        limiter.consume(rule, str(number))
    assert limiter.stats().live_cells == 24


# The block


@pytest.fixture
def block():
    return bytearray(HEADER_BYTES + 4 * BUCKET_BYTES)


def test_a_buffer_is_continued_by_the_next_limiter(rule, block):
    Limiter(buffer=block, clock=FakeClock(9 * SECOND)).consume(rule, "k", 4)
    behind = Limiter(buffer=block, clock=FakeClock(0))
    decision = behind.consume(rule, "k")
    assert (decision.remaining, decision.lease) == (0, 9 * SECOND)
    copied = Limiter(buffer=bytearray(block), clock=FakeClock(0))
    assert not copied.consume(rule, "k")
    assert behind.stats().capacity_cells == 32


def test_a_zero_header_sets_the_whole_block_up(rule):
    block = bytearray(HEADER_BYTES) + bytearray(b"\x01" * BUCKET_BYTES)
    limiter = Limiter(buffer=block)
    assert limiter.stats().live_cells == 0
    assert limiter.consume(rule, "k")


def test_the_hash_key_decides_where_keys_lie(rule):
    def laid_out(hash_key):
        block = bytearray(HEADER_BYTES + 64 * BUCKET_BYTES)
        Limiter(buffer=block, clock=FakeClock(0), hash_key=hash_key).consume(rule, "k")
        return bytes(block[HEADER_BYTES:])

    assert laid_out(b"x" * 16) == laid_out(b"x" * 16)
    assert len({laid_out(b"x" * 16), laid_out(b"y" * 16), laid_out(None), laid_out(None)}) == 4


def test_a_cell_is_found_by_its_whole_fingerprint(rule):
    block = bytearray(HEADER_BYTES + BUCKET_BYTES)
    limiter = Limiter(buffer=block, clock=FakeClock(0))
    for number in range(8):
        limiter.consume(rule, str(number))
    lows, cells = HEADER_BYTES, HEADER_BYTES + 64
    for way in range(4):
        block[lows + 8 * way + way] ^= 1
    for way in range(4, 8):
        block[cells + 56 * way + way] ^= 1
    assert all(limiter.peek(rule, str(number)).remaining == 5 for number in range(8))


@pytest.mark.parametrize("hash_key", [b"", b"x" * 15, b"x" * 17])
def test_a_hash_key_of_another_size_raises(hash_key):
    with pytest.raises(ValueError, match="16 bytes"):
        Limiter(8, hash_key=hash_key)


def test_another_hash_key_than_the_tables_raises(block):
    Limiter(buffer=block, hash_key=b"x" * 16)
    assert Limiter(buffer=block, hash_key=b"x" * 16)
    with pytest.raises(ValueError, match="another hash key"):
        Limiter(buffer=block, hash_key=b"y" * 16)


@pytest.mark.parametrize("offset", [0, 8, 12, 16])
def test_a_buffer_that_holds_something_else_raises(block, offset):
    Limiter(buffer=block)
    block[offset] ^= 1
    with pytest.raises(ValueError, match="something else"):
        Limiter(buffer=block)


@pytest.mark.parametrize("buckets", [0, 5, 2**63])
def test_a_header_that_claims_more_than_the_buffer_raises(block, buckets):
    Limiter(buffer=block)
    block[24:32] = buckets.to_bytes(8, "little")
    with pytest.raises(ValueError, match="smaller than the table"):
        Limiter(buffer=block)


def test_an_unfit_buffer_raises(block):
    with pytest.raises(ValueError, match="smaller"):
        Limiter(buffer=bytearray(HEADER_BYTES + BUCKET_BYTES - 1))
    with pytest.raises(ValueError, match="aligned"):
        Limiter(buffer=memoryview(block)[1:])
    with pytest.raises(BufferError):
        Limiter(buffer=bytes(block))
    with pytest.raises(BufferError):
        Limiter(buffer=memoryview(block)[::2])
    block.append(0)  # nothing holds the buffer after a refusal


def test_a_buffer_is_held_while_the_limiter_lives(block):
    limiter = Limiter(buffer=block)
    with pytest.raises(BufferError):
        block.clear()
    del limiter
    block.clear()


def test_what_others_write_into_the_block_leads_nowhere_outside():
    noise = random.Random(2)
    for _ in range(300):
        guarded = bytearray(b"\x5a" * 64) + bytearray(HEADER_BYTES + BUCKET_BYTES) + b"\x5a" * 64
        block = memoryview(guarded)[64:-64]
        limiter = Limiter(buffer=block, clock=FakeClock(noise.choice([0, SECOND, 2**61])))
        rules = [Rule(name, 5, SECOND, identity=name) for name in ALGORITHMS]
        for known in rules:
            limiter.consume(known, "k")
        # All but the fingerprints, which would only hide the noise from the look-up.
        for cell in range(HEADER_BYTES + 64, HEADER_BYTES + BUCKET_BYTES, 56):
            for word in range(cell + 8, cell + 56, 8):
                size = noise.choice([1, 4, 8])
                block[word : word + size] = noise.choice([noise.randbytes(size), b"\xff" * size])
        for known in rules:
            limiter.peek(known, "k")
            limiter.consume(known, "k", 3)
            limiter.refund(known, "k", 9)
        limiter.release(rules[3], "k", 0)
        assert bytes(guarded[:64]) == bytes(guarded[-64:]) == b"\x5a" * 64


def test_the_table_tells_its_geometry():
    table = LimitTable(9)
    assert (table.bucket_count, table.capacity_cells, table.size_bytes) == (2, 16, 1152)
    assert table.forced_evictions == 0
