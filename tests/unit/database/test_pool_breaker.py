"""A pool before a database that does not answer."""

import asyncio

import pytest

from blrcs.database.pool import Pool, PoolLimits, Unobserved
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from blrcs.resilience.circuit_breaker import BreakerRules, CircuitOpenError, CircuitState

RULES = BreakerRules(least_calls=3, open_s=3600, longest_open_s=3600)
AT_ONCE = BreakerRules(least_calls=3, open_s=0, longest_open_s=0, probes=2)


class Database:
    """Connections are numbers."""

    def __init__(self):
        self.opened = 0
        self.answers = True
        self.hangs = False

    async def connect(self):
        if self.hangs:
            await asyncio.Event().wait()
        if not self.answers:
            raise UnavailableError("DATABASE_UNAVAILABLE", "it cannot be used now")
        self.opened += 1
        return self.opened


class Watch(Unobserved):
    def __init__(self):
        self.states = []

    def circuit(self, state):
        self.states.append(state)


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def watch():
    return Watch()


def pool_of(database, watch=None, rules=RULES, **limits):
    return Pool(
        database.connect,
        lambda _: None,
        is_usable=lambda _: True,
        limits=PoolLimits(breaker=rules, **limits),
        observer=watch,
    )


async def refuse(pool, times):
    for _ in range(times):
        with pytest.raises(UnavailableError) as caught:
            await pool.take()
        assert not isinstance(caught.value, CircuitOpenError)


async def test_connections_that_are_refused_open_the_circuit(database, watch):
    pool = pool_of(database, watch)
    database.answers = False
    await refuse(pool, 3)
    with pytest.raises(CircuitOpenError):
        await pool.take()
    assert pool.take_idle() is None
    assert not pool.is_free
    assert watch.states == [CircuitState.OPEN]
    assert pool.in_use == 0


async def test_connections_that_break_open_it_and_those_who_wait_are_told(database, watch):
    pool = pool_of(database, watch, size=3, overflow=0)
    held = [await pool.take() for _ in range(3)]
    waiting = [asyncio.ensure_future(pool.take()) for _ in range(5)]
    await asyncio.sleep(0)
    database.answers = False
    for connection in held:
        pool.discard(connection)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, UnavailableError) for each in results)
    assert isinstance(results[-1], CircuitOpenError)
    assert pool.in_use == 0


async def test_a_connection_that_its_caller_broke_is_no_failure(database, watch):
    pool = pool_of(database, watch)
    for _ in range(20):
        pool.discard(await pool.take(), answers=True)
    assert watch.states == []


async def test_a_pool_that_is_used_up_is_no_failure(database, watch):
    pool = pool_of(database, watch, size=1, overflow=0, timeout_s=0)
    held = await pool.take()
    for _ in range(20):
        with pytest.raises(ResourceExhaustedError):
            await pool.take()
    pool.give_back(held)
    assert watch.states == []
    assert await pool.take() == held


async def test_callers_who_give_up_at_once_are_no_failures(database, watch):
    pool = pool_of(database, watch)
    database.hangs = True
    for _ in range(20):
        taking = asyncio.ensure_future(pool.take())
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait({taking})
    assert (watch.states, pool.in_use) == ([], 0)


async def test_callers_who_gave_up_on_a_database_that_is_silent_are(database, watch, monkeypatch):
    monkeypatch.setattr("blrcs.database.pool.SLOW_CONNECT_S", 0)
    pool = pool_of(database, watch)
    database.hangs = True
    for _ in range(3):
        taking = asyncio.ensure_future(pool.take())
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait({taking})
    assert watch.states == [CircuitState.OPEN]


async def test_it_is_used_again_once_it_answers(database, watch):
    pool = pool_of(database, watch, AT_ONCE)
    database.answers = False
    await refuse(pool, 3)
    database.answers = True
    for _ in range(2):
        pool.give_back(await pool.take())
    assert watch.states == [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED]
    assert pool.take_idle() is not None


async def test_a_probe_that_waits_in_vain_leaves_room_for_the_next(database, watch):
    pool = pool_of(database, watch, AT_ONCE, size=1, overflow=0, timeout_s=0)
    held = await pool.take()
    for _ in range(3):
        pool._breaker.failed()
    for _ in range(10):
        with pytest.raises(ResourceExhaustedError):
            await pool.take()
    pool.give_back(held)
    pool.give_back(await pool.take())
    assert watch.states[-1] is CircuitState.CLOSED
