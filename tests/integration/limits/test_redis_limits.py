"""What the limiter leaves in Redis, and how it asks."""

import asyncio

import pytest

from blrcs.domain.limit_rule import LimitEntry
from tests.integration.limits.redis_limits import ALICE, DOMAIN, limits_in, rule, take
from tests.servers.redis import redis_cluster


@pytest.fixture(autouse=True)
def _empty(redis_server):
    redis_server.flush()


def calls(redis_server):
    """How many scripts Redis has run."""
    stats = redis_server.run("INFO", "commandstats")
    return sum(
        int(line.partition("calls=")[2].partition(",")[0])
        for line in stats.splitlines()
        if line.startswith(("cmdstat_evalsha:", "cmdstat_eval:"))
    )


@pytest.mark.parametrize(
    ("algorithm", "longest_ms"),
    [
        ("gcra", 1_000_000),
        ("fixed_window", 5_000_000),
        ("sliding_window", 10_000_000),
        ("concurrency", 6_000_000),
    ],
)
async def test_a_cell_is_gone_when_nothing_of_it_counts(redis_server, algorithm, longest_ms):
    # So long that hardly ever a window ends between the call and the look.
    stated = rule(algorithm=algorithm, period_ns=5_000_000_000_000)
    async with limits_in(redis_server.url(), stated) as (limits, _):
        await take(limits)
        (key,) = redis_server.run("KEYS", "*").split()
        assert key.startswith("test:limit:{d}:")
        assert "alice" not in key
        assert 0 < int(redis_server.run("PTTL", key)) <= longest_ms + 2
        await limits.refund(DOMAIN, [ALICE], 1)
        assert redis_server.run("KEYS", "*").split() == []


async def test_a_script_that_redis_forgot_is_loaded_again(redis_server):
    async with limits_in(redis_server.url(), rule()) as (limits, losses):
        assert (await take(limits)).allowed
        redis_server.run("SCRIPT", "FLUSH")
        assert (await take(limits)).statuses[0].remaining == 3
        assert not losses


async def test_callers_at_once_share_round_trips_and_none_is_counted_wrong(redis_server):
    async with limits_in(redis_server.url(), rule(requests=100)) as (limits, _):
        before = calls(redis_server)
        verdicts = await asyncio.gather(*(take(limits) for _ in range(300)))
        assert sum(verdict.allowed for verdict in verdicts) == 100
        assert calls(redis_server) - before < 20


async def test_a_caller_that_goes_away_stops_no_other(redis_server):
    async with limits_in(redis_server.url(), rule()) as (limits, _):
        tasks = [asyncio.ensure_future(take(limits)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [done[0].allowed, done[2].allowed] == [True, True]
        assert isinstance(done[1], asyncio.CancelledError)


async def test_two_machines_count_together(redis_server):
    url = redis_server.url()
    async with limits_in(url, rule()) as (one, _), limits_in(url, rule()) as (other, _):
        allowed = [(await take(each)).allowed for each in (one, other) * 3]
    assert allowed == [True] * 5 + [False]


async def test_stacked_limits_work_in_a_cluster(redis_server):
    del redis_server
    rules = [rule(id=name, match=(LimitEntry(name),)) for name in "abc"]
    with redis_cluster() as cluster:
        async with limits_in(cluster.url(), *rules) as (limits, losses):
            stacked = [(LimitEntry(name, value),) for name in "abc" for value in "xyz"]
            for _ in range(5):
                assert (await take(limits, *stacked)).allowed
            assert not (await take(limits, *stacked)).allowed
            assert not losses
