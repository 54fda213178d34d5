"""Shares of a limit, drawn by several processes at once."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from blrcs.limits.redis_rule import LEASE_PARTS
from tests.integration.limits.redis_limits import ALICE, DOMAIN, limits_in, rule, take

HERE = Path(__file__).parent
PROCESSES = 4
YEAR_NS = 366 * 86_400 * 1_000_000_000
TIMEOUT_S = 120


@pytest.fixture(autouse=True)
def _empty(redis_server):
    redis_server.flush()


async def hammer(redis_server, numbers, attempts):
    """What each process got, and how often it asked."""
    arguments = (redis_server.url(), "test:", json.dumps(numbers), str(attempts))
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, HERE / "hammering_leased.py", *arguments, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    async with asyncio.timeout(TIMEOUT_S):
        said = await asyncio.gather(*(each.communicate() for each in processes))
    assert [each.returncode for each in processes] == [0] * PROCESSES
    return [json.loads(out) for out, _ in said]


def numbers_of(stated):
    return {
        name: getattr(stated, name)
        for name in ("id", "requests", "period_ns", "burst", "algorithm", "mode")
    }


@pytest.mark.parametrize("algorithm", ["fixed_window", "sliding_window"])
async def test_processes_together_never_admit_more_and_lose_nothing(redis_server, algorithm):
    limit = 20_000
    stated = rule(requests=limit, period_ns=YEAR_NS, algorithm=algorithm, mode="leased")
    got = await hammer(redis_server, numbers_of(stated), 10_000)
    admitted = sum(each["admitted"] for each in got)
    asked = sum(each["asked"] for each in got)
    async with limits_in(redis_server.url(), stated) as (limits, _):
        (status,) = await limits.peek(DOMAIN, [ALICE])
    assert limit - PROCESSES * (limit // LEASE_PARTS) <= admitted <= limit
    assert status.remaining == limit - admitted, "all that was not spent was given back"
    assert asked < admitted / 10


async def test_gcra_admits_no_more_than_its_burst(redis_server):
    limit = 20_000
    # So slow that nothing recovers while it is hammered.
    numbers = {"requests": 1, "burst": limit, "period_ns": YEAR_NS, "algorithm": "gcra"}
    stated = rule(**numbers, mode="leased")
    got = await hammer(redis_server, numbers_of(stated), 10_000)
    admitted = sum(each["admitted"] for each in got)
    assert limit - 1 - PROCESSES * (limit // LEASE_PARTS) <= admitted <= limit


async def test_what_a_process_drew_and_gave_back_another_can_spend(redis_server):
    stated = rule(requests=1000, period_ns=YEAR_NS, mode="leased")
    async with limits_in(redis_server.url(), stated) as (one, _):
        for _ in range(50):
            await take(one)
        async with limits_in(redis_server.url(), stated) as (other, _):
            one.sweep()
            one.sweep()
            while one._leases._hands:
                one.sweep()
            (status,) = await one.peek(DOMAIN, [ALICE])
            assert status.remaining == 950
            assert (await take(other, cost=950)).allowed
            assert not (await take(other)).allowed


async def test_what_is_at_hand_can_be_taken_and_is_told_of(redis_server):
    """Also where Redis was asked, of which a process does not tell its caller."""
    stated = rule(requests=1000, period_ns=YEAR_NS, algorithm="fixed_window", mode="leased")
    async with limits_in(redis_server.url(), stated) as (limits, _):
        for left in range(999, 699, -1):
            verdict = await take(limits)
            assert (verdict.allowed, verdict.statuses[0].remaining) == (True, left)
        (hand,) = limits._leases._hands.values()
        assert limits._leases.at_hand(hand.counted)
        for cost, allowed in ((left, True), (left + 1, False)):
            verdict = await limits.consume(DOMAIN, [ALICE], cost, check_only=True)
            assert (verdict.allowed, verdict.statuses[0].remaining) == (allowed, left)
        assert (await take(limits, cost=left)).allowed


async def test_a_reset_forgets_what_is_at_hand_too(redis_server):
    stated = rule(requests=1000, period_ns=YEAR_NS, mode="leased")
    async with limits_in(redis_server.url(), stated) as (limits, _):
        for _ in range(100):
            await take(limits)
        await limits.reset(DOMAIN, [ALICE])
        (status,) = await limits.peek(DOMAIN, [ALICE])
        assert status.remaining == 1000


async def test_what_is_at_hand_is_spent_while_redis_is_lost(redis_server):
    stated = rule(requests=1000, period_ns=YEAR_NS, mode="leased", on_loss="closed")
    async with limits_in(redis_server.url(), stated, timeout_s=0.5) as (limits, losses):
        for _ in range(100):
            await take(limits)
        (hand,) = limits._leases._hands.values()
        left = limits._leases.at_hand(hand.counted)
        assert left
        redis_server.restart()
        assert [(await take(limits)).allowed for _ in range(left)] == [True] * left
        assert not losses


@pytest.mark.parametrize("stated", [{"requests": 19}, {"requests": 5, "burst": 19}])
async def test_a_small_limit_is_exact(redis_server, stated):
    small = rule(**stated, algorithm="gcra", period_ns=YEAR_NS, mode="leased")
    async with limits_in(redis_server.url(), small) as (limits, _):
        assert (await take(limits, cost=19)).allowed
        assert not (await take(limits)).allowed


async def test_no_process_has_more_at_hand_than_the_largest_share(redis_server):
    stated = rule(requests=1000, period_ns=YEAR_NS, mode="leased")
    async with limits_in(redis_server.url(), stated) as (limits, _):
        most = 0
        for _ in range(4):
            await asyncio.gather(*(take(limits) for _ in range(100)))
            (hand,) = limits._leases._hands.values()
            most = max(most, limits._leases.at_hand(hand.counted))
    assert 0 < most <= 1000 // LEASE_PARTS
