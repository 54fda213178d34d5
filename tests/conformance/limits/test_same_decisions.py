"""Redis decides as the native limiter does: with every number that a rule can have."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from blrcs.domain.limit_rule import LimitEntry
from tests.conformance.limits.cases import DOMAIN, USER, Clock, S, descriptor
from tests.conformance.limits.conftest import in_redis, native

US = 1_000
DAY_US = 86_400 * 1_000_000
LONGEST_US = 366 * DAY_US
MOST = 1_000_000_000
# What the native limiter's clock reaches; the script's would reach 2**53 microseconds.
LATEST_US = (2**62 - 1) // US
EXACT_US = 2**53

few = st.integers(1, 12)
many = st.integers(1, MOST)
odd_numbers = st.sampled_from([MOST, MOST - 1, 999_999_937, 2**29, 127, 128, 129])
numbers = st.one_of(few, few, many, odd_numbers)
periods_us = st.one_of(
    st.integers(200, 5_000),
    st.integers(200, LONGEST_US // 5),
    st.sampled_from([LONGEST_US // 5, (2**44) // 5, 6_324_479_999_981]),
).map(lambda fifth_us: fifth_us * 5)  # slices of concurrency are whole microseconds then
starts_us = st.one_of(
    st.just(1_700_000_000_000_000), st.integers(0, 10), st.integers(LATEST_US // 2, LATEST_US)
)


@st.composite
def rules(draw, name):
    algorithm = draw(
        st.sampled_from(["gcra", "gcra", "fixed_window", "sliding_window", "concurrency"])
    )
    return replace(
        USER,
        id=name,
        match=(LimitEntry(name),),
        algorithm=algorithm,
        requests=draw(numbers),
        period_ns=draw(periods_us) * US,
        burst=draw(st.none() | numbers) if algorithm == "gcra" else None,
        shadow=draw(st.sampled_from([False, False, True])),
    )


def costs(rule):
    """Around what decides."""
    most = rule.burst or rule.requests
    near = [0, 1, 2, most // 3, most // 2, most - 1, most, most + 1]
    return st.sampled_from([each for each in near if each >= 0]) | numbers


@st.composite
def histories(draw):
    stated = [draw(rules(name)) for name in ("a", "b")]
    now_us = draw(starts_us)
    steps = []
    for _ in range(draw(st.integers(1, 12))):
        rule = draw(st.sampled_from(stated))
        period_us = rule.period_ns // US
        pauses = [0, 1, period_us // 7, period_us // rule.requests, period_us - 1, period_us]
        pause_us = draw(st.sampled_from([*pauses, 2 * period_us, 7 * period_us]))
        now_us = min(now_us + pause_us, LATEST_US)
        cells = draw(st.lists(st.sampled_from(["a", "b", rule.id]), min_size=1, max_size=3))
        verb = draw(st.sampled_from(["consume", "consume", "consume", "check", "refund", "reset"]))
        steps.append((now_us, verb, cells, draw(costs(rule))))
    return stated, steps


def in_us(time_ns):
    """Rounded up, as far as both can tell."""
    return None if time_ns is None else min(-(-time_ns // US), EXACT_US)


def told(statuses):
    return [
        (
            each.rule,
            each.allowed,
            each.limit,
            each.remaining,
            in_us(each.reset_after_ns),
            each.shadow,
        )
        for each in statuses
    ]


async def outcome(limits, verb, descriptors, cost):
    if verb in {"consume", "check"}:
        verdict = await limits.consume(DOMAIN, descriptors, cost, check_only=verb == "check")
        return verdict.allowed, in_us(verdict.retry_after_ns), told(verdict.statuses)
    if verb == "refund":
        return told(await limits.refund(DOMAIN, descriptors, cost))
    return await limits.reset(DOMAIN, descriptors)


def deep(**numbers):
    """A burst for a thousand million years, half of which is taken, and waited for."""
    rule = replace(USER, id="a", match=(LimitEntry("a"),), period_ns=LONGEST_US * US, **numbers)
    now_us = LATEST_US // 2
    steps = [(now_us, "consume", ["a"], MOST // 2), (now_us + 1, "consume", ["a"], MOST)]
    return [rule, replace(rule, id="b", match=(LimitEntry("b"),))], steps


def emptied(requests, period_us, waited_us):
    """All is taken, and a time later something has recovered."""
    rule = replace(
        USER, id="a", match=(LimitEntry("a"),), requests=requests, period_ns=period_us * US
    )
    now_us = LATEST_US // 2
    steps = [(now_us, "consume", ["a"], requests), (now_us + waited_us, "check", ["a"], 1)]
    return [rule, replace(rule, id="b", match=(LimitEntry("b"),))], steps


PRIME = 999_999_937
POWER = 2**44
# The product is 3**28 * m, which no double is; exactly m requests have recovered.
WHOLE = [emptied(3**18, 3**28, 3**10 * m) for m in (387_420_487, 299_999_977, 199_999_991)]
# One part in 2**44 of a request more than, or short of, a whole number of them.
MORE = emptied(PRIME, POWER, pow(PRIME, -1, POWER))
LESS = emptied(PRIME, POWER, -pow(PRIME, -1, POWER) % POWER)


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
@example(history=deep(requests=1, burst=MOST))
@example(history=deep(requests=MOST, algorithm="sliding_window"))
@example(history=deep(requests=MOST - 1, algorithm="fixed_window"))
@example(history=WHOLE[0])
@example(history=WHOLE[1])
@example(history=WHOLE[2])
@example(history=MORE)
@example(history=LESS)
async def test_redis_decides_as_the_native_limiter(redis_client, history):
    stated, steps = history
    clock = Clock()
    ours, theirs = native(clock), in_redis(redis_client, clock)
    for limits in (ours, theirs):
        limits.replace_rules(stated)
    for now_us, verb, cells, cost in steps:
        clock.now_ns = now_us * US
        descriptors = [descriptor((cell, "x")) for cell in cells]
        expected = await outcome(ours, verb, descriptors, cost)
        assert await outcome(theirs, verb, descriptors, cost) == expected
        standing = told(await ours.peek(DOMAIN, descriptors))
        assert told(await theirs.peek(DOMAIN, descriptors)) == standing


@pytest.mark.parametrize("algorithm", ["gcra", "fixed_window", "sliding_window", "concurrency"])
async def test_a_clock_that_goes_back_gives_nothing_away(redis_client, algorithm):
    clock = Clock()
    limits = in_redis(redis_client, clock)
    limits.replace_rules([replace(USER, algorithm=algorithm, requests=2)])
    alice = [descriptor(("user", "alice"))]
    for _ in range(2):
        assert (await limits.consume(DOMAIN, alice, 1, check_only=False)).allowed
    clock.now_ns -= 60 * S
    assert not (await limits.consume(DOMAIN, alice, 1, check_only=False)).allowed
    (status,) = await limits.refund(DOMAIN, alice, 1)
    assert status.remaining == 1


async def test_a_period_is_rounded_up_to_microseconds(redis_client):
    clock = Clock()
    limits = in_redis(redis_client, clock)
    limits.replace_rules([replace(USER, requests=1, period_ns=2 * S + 1)])
    alice = [descriptor(("user", "alice"))]
    await limits.consume(DOMAIN, alice, 1, check_only=False)
    verdict = await limits.consume(DOMAIN, alice, 1, check_only=False)
    assert verdict.retry_after_ns == 2 * S + US
