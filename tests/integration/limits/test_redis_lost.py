"""Redis stopped, paused and failed over while limits are counted in it."""

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from itertools import product

import pytest

from blrcs.domain.errors import UnavailableError
from blrcs.domain.limit_rule import LimitEntry
from tests.integration.limits.redis_limits import ALICE, DOMAIN, limits_in, rule, take
from tests.servers.redis import redis, redis_cluster, sentinel_group

WAYS = ("open", "closed", "local")
MODES = {
    "exact": {},
    # Shares live for a tenth of a second, so that none outlives Redis for long.
    "leased": {"mode": "leased", "algorithm": "gcra", "period_ns": 1_000_000_000},
}
PLENTY = 1_000_000
OTHERS = {way: (LimitEntry(way, "x"),) for way in WAYS}
RULES = [rule(id=way, match=(LimitEntry(way),), on_loss=way) for way in WAYS]


@pytest.fixture
def server():
    with redis() as running:
        yield running


async def until_found(limits):
    """Until a look has found Redis."""
    if looking := limits._queue(DOMAIN)._looking:
        await asyncio.wait({looking})


async def until_redis_decides(limits, losses):
    """Asks until an answer is Redis's, as many times as it takes."""
    while True:
        await until_found(limits)
        with suppress(UnavailableError):
            before = len(losses)
            verdict = await take(limits)
            if len(losses) == before:
                return verdict


async def until_lost(limits, descriptor=ALICE):
    while not limits._queue(DOMAIN).is_lost:
        await outcome(limits, descriptor)


async def until_answered_without(limits, losses):
    told = len(losses)
    while len(losses) == told:
        await outcome(limits, ALICE)


class Outcomes:
    """What callers were told, by the keys of what they asked for."""

    def __init__(self, keys):
        self.of = {key: set() for key in keys}
        self._is_any = asyncio.Event()

    def add(self, key, told):
        self.of[key].add(told)
        self._is_any.set()

    async def until_told(self, told, *keys):
        """Each of them, from now on."""
        awaited = set(keys)
        before = {key: self.of[key] for key in awaited}
        self.of |= {key: set() for key in awaited}
        async with asyncio.timeout(60):
            while not all(told in self.of[key] for key in awaited):
                self._is_any.clear()
                await self._is_any.wait()
        for key in awaited:
            self.of[key] |= before[key]


@asynccontextmanager
async def loaded(limits, *descriptors):
    """Callers that go on until the block ends."""
    outcomes = Outcomes(entry.key for (entry,) in descriptors)
    ended = asyncio.Event()

    async def call(descriptor):
        while not ended.is_set():
            outcomes.add(descriptor[0].key, await outcome(limits, descriptor))
            await asyncio.sleep(0)

    callers = [asyncio.ensure_future(call(each)) for each in descriptors for _ in range(16)]
    try:
        yield outcomes
    finally:
        ended.set()
        await asyncio.gather(*callers)


async def outcome(limits, descriptor):
    try:
        return (await take(limits, descriptor)).allowed
    except UnavailableError as error:
        return error.reason


async def test_each_rule_says_what_happens(server):
    async with limits_in(server.url(), *RULES) as (limits, losses):
        for descriptor in OTHERS.values():
            assert (await take(limits, descriptor, cost=5)).allowed
            assert not (await take(limits, descriptor)).allowed
        server.stop()
        found = {}
        for way, descriptor in OTHERS.items():
            found[way] = [await outcome(limits, descriptor) for _ in range(7)]
    assert found["open"] == [True] * 7
    assert found["closed"] == ["LIMITS_UNAVAILABLE"] * 7
    assert found["local"] == [True] * 5 + [False] * 2
    assert losses == ["open"] * 7 + ["closed"] * 7 + ["local"] * 7


async def test_stacked_rules_are_each_answered_by_their_own_word(server):
    async with limits_in(server.url(), *RULES) as (limits, losses):
        server.stop()
        unmatched = (LimitEntry("none", "x"),)
        verdict = await take(limits, OTHERS["open"], unmatched, OTHERS["local"], cost=5)
        assert verdict.allowed
        assert [each.rule for each in verdict.statuses] == [
            "limitRules/open",
            "",
            "limitRules/local",
        ]
        verdict = await take(limits, OTHERS["open"], unmatched, OTHERS["local"])
        assert [each.allowed for each in verdict.statuses] == [True, True, False]
        assert verdict.retry_after_ns
        with pytest.raises(UnavailableError):
            await take(limits, OTHERS["local"], OTHERS["closed"])
        statuses = await limits.peek(DOMAIN, [OTHERS["local"], OTHERS["open"]])
        assert [each.remaining for each in statuses] == [0, 5]
        (status,) = await limits.refund(DOMAIN, [OTHERS["local"]], 2)
        assert status.remaining == 2
        with pytest.raises(UnavailableError):
            await limits.reset(DOMAIN, [OTHERS["local"]])
        assert losses == ["local", "open"] * 2 + ["closed"] + ["local", "open", "local"]


async def test_a_closed_rule_that_only_watches_lets_pass(server):
    watching = rule(on_loss="closed", shadow=True)
    async with limits_in(server.url(), watching) as (limits, _):
        server.stop()
        assert (await take(limits)).allowed


async def test_it_is_counted_in_redis_again_when_that_is_back(server):
    async with limits_in(server.url(), rule(on_loss="open")) as (limits, losses):
        server.stop()
        assert (await take(limits)).allowed
        server.start()
        assert (await until_redis_decides(limits, losses)).statuses[0].remaining == 4
        told = len(losses)
        assert (await take(limits)).statuses[0].remaining == 3
        assert len(losses) == told


async def test_while_it_is_silent_only_those_wait_who_noticed(server):
    """A second call does not wait for an answer that the first has waited for in vain."""
    options = {"timeout_s": 0.2, "retry_s": 0.05}
    async with limits_in(server.url(), rule(on_loss="open"), **options) as (limits, losses):
        assert (await take(limits, cost=5)).allowed
        server.pause()
        assert (await take(limits)).allowed
        queue = limits._queue(DOMAIN)
        assert queue.is_lost
        asking = [asyncio.ensure_future(take(limits)) for _ in range(1000)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert all(each.done() and each.result().allowed for each in asking), "nothing is awaited"
        assert queue.is_lost
        assert len(losses) == 1001
        server.resume()
        assert not (await until_redis_decides(limits, losses)).allowed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
async def test_under_load_each_call_is_answered_by_redis_or_by_its_rule(server, way, mode):
    stated = rule(on_loss=way, requests=PLENTY, **MODES[mode])
    while_lost = "LIMITS_UNAVAILABLE" if way == "closed" else True
    async with (
        limits_in(server.url(), stated, timeout_s=0.2) as (limits, losses),
        loaded(limits, ALICE) as outcomes,
    ):
        for disturb, mend in ((server.stop, server.start), (server.pause, server.resume)):
            await outcomes.until_told(True, "user")
            await asyncio.to_thread(disturb)
            await until_lost(limits)
            await until_answered_without(limits, losses)
            await outcomes.until_told(while_lost, "user")
            await asyncio.to_thread(mend)
            await until_found(limits)
    assert set(losses) == {way}
    assert outcomes.of["user"] == {True, while_lost}


@contextmanager
def watched_by_sentinels():
    with sentinel_group() as group:
        yield group.url(), group.master


@contextmanager
def node_of_a_cluster():
    with redis_cluster(replicas=1) as cluster:
        yield cluster.url(), lambda: cluster.master_of(f"{{{DOMAIN}}}")


@pytest.mark.parametrize("failing_over", [watched_by_sentinels, node_of_a_cluster])
async def test_under_load_a_failover_goes_on_with_what_the_replica_has(failing_over):
    counted = rule(requests=PLENTY, on_loss="closed")
    others = [
        rule(id=f"{mode}-{way}", match=(LimitEntry(f"{mode}-{way}"),), on_loss=way)
        for mode, way in product(MODES, WAYS)
    ]
    others = [replace(each, requests=PLENTY, **MODES[each.id.split("-")[0]]) for each in others]
    loads = [(LimitEntry(each.id, "x"),) for each in others]
    keys = {"user", *(each.id for each in others)}
    closed = {"user", "exact-closed", "leased-closed"}
    with failing_over() as (url, master):
        options = {"timeout_s": 0.5, "command_timeout": "1s"}
        async with limits_in(url, counted, *others, **options) as (limits, losses):
            assert (await take(limits, cost=900_000)).allowed
            old = master()
            old.run("WAIT", "1", "5000")
            async with loaded(limits, ALICE, *loads) as outcomes:
                await outcomes.until_told(True, *keys)
                await asyncio.to_thread(old.stop)
                await until_lost(limits)
                # That takes less than until there is another master.
                await outcomes.until_told("LIMITS_UNAVAILABLE", *closed)
                await outcomes.until_told(True, *keys - closed)
                await until_redis_decides(limits, losses)
                await outcomes.until_told(True, *keys)
                assert master() is not old
            verdict = await until_redis_decides(limits, losses)
        assert verdict.statuses[0].remaining < 100_000
    assert outcomes.of == {
        key: {True, "LIMITS_UNAVAILABLE"} if key in closed else {True} for key in keys
    }
    assert set(losses) == set(WAYS)
