"""What every limiter promises, by a clock that the test turns."""

from dataclasses import replace

import pytest

from blrcs.domain.limit_rule import LimitEntry
from tests.conformance.limits.cases import ALICE, BOB, USER, WINDOW, S, descriptor, left, take


async def test_what_matches_no_rule_is_not_limited(limits_of):
    limits = limits_of(USER)
    for _ in range(10):
        verdict = await take(limits, descriptor(("other", "x")))
        assert verdict.allowed
    assert verdict.statuses[0].rule == ""
    assert verdict.retry_after_ns is None


async def test_as_much_as_the_rule_says_is_admitted_for_each_value(limits_of, clock):
    limits = limits_of(USER)
    assert [(await take(limits, ALICE)).allowed for _ in range(4)] == [True, True, True, False]
    assert (await take(limits, BOB)).allowed
    clock.now_ns += S
    assert [(await take(limits, ALICE)).allowed for _ in range(2)] == [True, False]


async def test_a_status_says_how_it_stands_after_the_taking(limits_of):
    limits = limits_of(USER)
    (status,) = (await take(limits, ALICE, cost=2)).statuses
    assert (status.rule, status.allowed, status.shadow) == ("limitRules/user", True, False)
    assert (status.limit, status.remaining, status.reset_after_ns) == (3, 1, 2 * S)


async def test_one_refusal_takes_from_none(limits_of):
    limits = limits_of(USER)
    await take(limits, ALICE, cost=3)
    verdict = await take(limits, BOB, ALICE)
    assert not verdict.allowed
    assert [status.allowed for status in verdict.statuses] == [True, False]
    assert await left(limits, BOB) == [3]


async def test_descriptors_of_one_cell_add_up(limits_of):
    limits = limits_of(USER)
    assert not (await take(limits, ALICE, ALICE, cost=2)).allowed
    assert await left(limits, ALICE) == [3]
    assert (await take(limits, ALICE, ALICE, ALICE)).allowed
    assert await left(limits, ALICE) == [0]


async def test_the_wait_is_the_longest_of_those_that_refuse(limits_of):
    slow = replace(USER, id="slow", match=(LimitEntry("team"),), requests=1, period_ns=60 * S)
    limits = limits_of(USER, slow)
    team = descriptor(("team", "x"))
    await take(limits, ALICE, cost=3)
    await take(limits, team)
    verdict = await take(limits, ALICE, team)
    assert verdict.retry_after_ns == 60 * S
    assert (await take(limits, ALICE)).retry_after_ns == S


async def test_a_cost_above_the_limit_never_can_be_allowed(limits_of):
    slow = replace(USER, id="slow", match=(LimitEntry("team"),), requests=9, period_ns=60 * S)
    limits = limits_of(USER, slow)
    verdict = await take(limits, ALICE, descriptor(("team", "x")), cost=4)
    assert (verdict.allowed, verdict.retry_after_ns) == (False, None)


@pytest.mark.parametrize("how", [{"cost": 0}, {"check_only": True}])
async def test_cost_0_and_checking_decide_and_take_nothing(limits_of, how):
    limits = limits_of(USER)
    assert (await take(limits, ALICE, **how)).allowed
    assert await left(limits, ALICE) == [3]
    await take(limits, ALICE, cost=3)
    verdict = await take(limits, ALICE, **how)
    assert verdict.allowed is ("cost" in how)
    assert await left(limits, ALICE) == [0]


async def test_a_shadow_rule_reports_takes_what_it_admits_and_refuses_nothing(limits_of):
    shadow = replace(USER, id="shadow", requests=1, shadow=True)
    limits = limits_of(shadow)
    statuses = [(await take(limits, ALICE)).statuses[0] for _ in range(2)]
    assert [(status.allowed, status.remaining) for status in statuses] == [(True, 0), (False, 0)]
    verdict = await take(limits, ALICE)
    assert (verdict.allowed, verdict.retry_after_ns) == (True, None)


async def test_a_shadow_rule_takes_nothing_where_another_refuses(limits_of):
    shadow = replace(USER, id="shadow", match=(LimitEntry("team"),), shadow=True)
    limits = limits_of(USER, shadow)
    team = descriptor(("team", "x"))
    await take(limits, ALICE, cost=3)
    assert not (await take(limits, ALICE, team)).allowed
    assert await left(limits, team) == [3]


async def test_refunds_give_back_and_never_more_than_was_taken(limits_of):
    limits = limits_of(USER)
    await take(limits, ALICE, cost=3)
    statuses = await limits.refund("d", [ALICE, BOB], 2)
    assert [status.remaining for status in statuses] == [2, 3]
    await limits.refund("d", [ALICE], 100)
    assert await left(limits, ALICE) == [3]


async def test_a_concurrency_rule_holds_until_refunded_or_lapsed(limits_of, clock):
    held = replace(USER, requests=2, algorithm="concurrency", period_ns=60 * S)
    limits = limits_of(held)
    assert [(await take(limits, ALICE)).allowed for _ in range(3)] == [True, True, False]
    clock.now_ns += 30 * S
    assert not (await take(limits, ALICE)).allowed, "it is held, whatever time passes"
    (status,) = await limits.refund("d", [ALICE], 1)
    assert status.remaining == 1
    assert [(await take(limits, ALICE)).allowed for _ in range(2)] == [True, False]
    clock.now_ns += 100 * S
    assert await left(limits, ALICE) == [2], "nobody released it, and its period is over"


async def test_a_reset_forgets(limits_of):
    limits = limits_of(USER)
    await take(limits, ALICE, BOB, cost=2)
    await limits.reset("d", [ALICE])
    assert await left(limits, ALICE, BOB) == [3, 1]


async def test_values_that_read_alike_together_are_counted_apart(limits_of):
    pair = replace(USER, match=(LimitEntry("a"), LimitEntry("b")), requests=1, **WINDOW)
    limits = limits_of(pair)
    assert (await take(limits, descriptor(("a", "x"), ("b", "yz")))).allowed
    assert (await take(limits, descriptor(("a", "xy"), ("b", "z")))).allowed
    assert (await take(limits, descriptor(("a", "xyz"), ("b", "")))).allowed


@pytest.mark.parametrize(
    "change",
    [
        {"requests": 4},
        {"period_ns": 4 * S},
        {"burst": 2},
        {"algorithm": "fixed_window"},
        {"match": (LimitEntry("user", "a*"),)},
        {"create_time_ns": 1},
        {"id": "other"},
    ],
)
async def test_a_rule_that_changed_or_was_made_anew_counts_afresh(limits_of, change):
    limits = limits_of(USER)
    await take(limits, ALICE, cost=3)
    changed = replace(USER, **change)
    limits.replace_rules([changed])
    assert await left(limits, ALICE) == [changed.burst or changed.requests]


async def test_a_rule_that_stays_goes_on_counting(limits_of):
    limits = limits_of(USER)
    await take(limits, ALICE, cost=3)
    other = replace(USER, id="other", match=(LimitEntry("team"),))
    limits.replace_rules([other, replace(USER, shadow=True, revision=2, update_time_ns=9)])
    assert await left(limits, ALICE) == [0]


async def test_two_rules_of_the_same_numbers_count_apart(limits_of):
    other = replace(USER, id="other", domain="e")
    limits = limits_of(USER, other)
    await take(limits, ALICE, cost=3)
    assert (await limits.consume("e", [ALICE], 3, check_only=False)).allowed
