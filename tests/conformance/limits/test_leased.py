"""Machines that spend leased shares admit no more than the limit: at any time, by any sequence."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from blrcs.limits.redis_rule import LEASE_PARTS
from tests.conformance.limits.cases import ALICE, DOMAIN, USER, Clock
from tests.conformance.limits.conftest import in_redis

MACHINES = 3
PERIOD_NS = 1_000_000_000
LIFE_NS = PERIOD_NS // LEASE_PARTS

pauses_ns = st.sampled_from(
    [
        0,
        0,
        0,
        1000,
        LIFE_NS // 8,
        LIFE_NS // 2,
        LIFE_NS - 1000,
        LIFE_NS,
        LIFE_NS + 1000,
        PERIOD_NS // 2,
        PERIOD_NS - LIFE_NS,
        PERIOD_NS - 1000,
        PERIOD_NS,
        2 * PERIOD_NS,
    ]
)
# Who takes, how often, what each time, and how long it pauses then.
steps = st.tuples(st.integers(0, MACHINES - 1), st.integers(1, 60), st.integers(1, 4), pauses_ns)
histories = st.lists(steps, min_size=1, max_size=25)


def hoarded(pause_ns):
    """All draw, wait, and spend: first one who drew anew what has recovered, then the others."""
    draw = [(machine, 11, 1, 0) for machine in range(MACHINES)]
    fill = [(0, 60, 1, 0), (0, 60, 1, 0), (0, 60, 1, pause_ns)]
    return [*draw, *fill, *((machine, 60, 1, 0) for machine in range(MACHINES))] * 3


# What one has drawn recovers in Redis while nobody spends it; then all is spent at once.
KEPT = [[(0, n, 1, LIFE_NS - 400_000), *[(1, 60, 1, 0)] * 3, (0, 60, 1, 0)] for n in (4, 8, 9)]
NEXT_WINDOW = hoarded(PERIOD_NS)
unhurried = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def admissions(redis_client, rule, history):
    """When how much was admitted."""
    clock = Clock()
    machines = [
        in_redis(redis_client, clock, key_prefix="leased:", monotonic_ns=clock)
        for _ in range(MACHINES)
    ]
    admitted = []
    for limits in machines:
        limits.replace_rules([rule])
    await machines[0].reset(DOMAIN, [ALICE])
    for machine, times, cost, pause_ns in history:
        for _ in range(times):
            verdict = await machines[machine].consume(DOMAIN, [ALICE], cost, check_only=False)
            if verdict.allowed:
                admitted.append((clock.now_ns, cost))
            # Shares grow with what is spent in a time.
            clock.now_ns += 1_000
        clock.now_ns += pause_ns
        machines[machine].sweep()
    for limits in machines:
        await limits.close()
    return admitted


def fullest(admitted, rule):
    """The most that a bucket of the rule would ever have had to hold."""
    level, at_ns, most = Fraction(0), 0, Fraction(0)
    for now_ns, cost in admitted:
        drained = Fraction((now_ns - at_ns) * rule.requests, rule.period_ns)
        level, at_ns = max(level - drained, Fraction(0)) + cost, now_ns
        most = max(most, level)
    return most


def counted(admitted, rule, now_ns, *, sliding):
    """What counts at a time by windows."""
    number, passed = divmod(now_ns, rule.period_ns)
    sums = {number: 0, number - 1: 0}
    for then_ns, cost in admitted:
        if then_ns <= now_ns and then_ns // rule.period_ns in sums:
            sums[then_ns // rule.period_ns] += cost
    weight = 1 - Fraction(passed, rule.period_ns) if sliding else 0
    return sums[number] + sums[number - 1] * weight


def leased(**changes):
    return replace(USER, period_ns=PERIOD_NS, mode="leased", **changes)


@unhurried
@given(requests=st.integers(20, 150), burst=st.integers(20, 150), history=histories)
@example(requests=150, burst=150, history=KEPT[0])
@example(requests=150, burst=150, history=KEPT[1])
@example(requests=150, burst=150, history=KEPT[2])
@example(requests=150, burst=150, history=hoarded(LIFE_NS - 400_000))
async def test_gcra_never_holds_more_than_its_burst(redis_client, requests, burst, history):
    rule = leased(requests=requests, burst=burst)
    admitted = await admissions(redis_client, rule, history)
    assert fullest(admitted, rule) <= burst


@unhurried
@given(requests=st.integers(20, 150), history=histories)
@example(requests=150, history=NEXT_WINDOW)
async def test_no_window_admits_more_than_its_limit(redis_client, requests, history):
    rule = leased(requests=requests, algorithm="fixed_window")
    admitted = await admissions(redis_client, rule, history)
    for now_ns, _ in admitted:
        assert counted(admitted, rule, now_ns, sliding=False) <= requests


@unhurried
@given(requests=st.integers(20, 150), history=histories)
@example(requests=150, history=NEXT_WINDOW)
async def test_no_sliding_window_admits_more_than_its_limit(redis_client, requests, history):
    rule = leased(requests=requests, algorithm="sliding_window")
    admitted = await admissions(redis_client, rule, history)
    for now_ns, _ in admitted:
        assert counted(admitted, rule, now_ns, sliding=True) <= requests
