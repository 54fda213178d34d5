"""Redis stopped and paused behind a circuit breaker."""

import asyncio
import contextlib

import pytest

from blrcs.config.redis import Redis
from blrcs.domain.errors import UnavailableError
from blrcs.redis.client import open_redis
from blrcs.resilience.circuit_breaker import (
    BreakerRules,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
)
from tests.integration.redis.conftest import QUICK

RULES = BreakerRules(least_calls=5, open_s=0.05, longest_open_s=0.2)
PATIENCE_S = 60
CALLERS = 8


class Circuits:
    """Makes breakers, and notes how the last one stands."""

    def __init__(self):
        self.state = CircuitState.CLOSED
        self.names = []
        self._news = asyncio.Event()

    def __call__(self, name):
        self.names.append(name)
        return CircuitBreaker(RULES, self._changed)

    def _changed(self, state):
        self.state = state
        self._news.set()

    async def until(self, state):
        async with asyncio.timeout(PATIENCE_S):
            while self.state is not state:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def circuits():
    return Circuits()


@pytest.fixture
async def client(server, circuits):
    settings = Redis(url=server.url(), **QUICK)
    async with open_redis(settings, breaker_of=circuits) as opened:
        yield opened


@contextlib.asynccontextmanager
async def load_on(client, errors):
    async def call():
        while True:
            try:
                await client.call("n", "INCR", "n")
            except UnavailableError as error:
                errors.append(error)
            await asyncio.sleep(0.005)

    calling = [asyncio.create_task(call()) for _ in range(CALLERS)]
    try:
        yield
    finally:
        for each in calling:
            each.cancel()
        ended = await asyncio.gather(*calling, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


async def refusal_of(client):
    try:
        await client.call("n", "INCR", "n")
    except UnavailableError as error:
        return error
    return None


@pytest.mark.parametrize(("disturb", "mend"), [("stop", "start"), ("pause", "resume")])
async def test_commands_fail_at_once_while_it_is_away_and_succeed_afterwards(
    server, client, circuits, disturb, mend
):
    await client.call("n", "SET", "n", "1")
    assert circuits.names == [f"redis/{server.place}"]
    errors = []
    async with load_on(client, errors):
        getattr(server, disturb)()
        try:
            await circuits.until(CircuitState.OPEN)
            async with asyncio.timeout(PATIENCE_S):
                while not isinstance(await refusal_of(client), CircuitOpenError):
                    pass
        finally:
            getattr(server, mend)()
        await circuits.until(CircuitState.CLOSED)
    assert await client.call("n", "PING") == b"PONG"
    assert not any(server.place in str(each) for each in errors)


async def test_what_redis_refuses_opens_nothing(client, circuits):
    await client.call("text", "SET", "text", "no number")
    for _ in range(20):
        with pytest.raises(Exception, match="integer"):
            await client.call("text", "INCR", "text")
    assert circuits.state is CircuitState.CLOSED


async def test_callers_who_give_up_open_nothing(client, circuits):
    for _ in range(20):
        asking = asyncio.ensure_future(client.call("n", "GET", "n"))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
    assert circuits.state is CircuitState.CLOSED
    await client.call("n", "GET", "n")
