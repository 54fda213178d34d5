"""PostgreSQL and MariaDB that end, hang and come back, behind a circuit breaker."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.kind import kind_of
from blrcs.database.pool import PoolLimits, Unobserved
from blrcs.domain.errors import DomainError, UnavailableError
from blrcs.resilience.circuit_breaker import BreakerRules, CircuitOpenError, CircuitState
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

RULES = BreakerRules(least_calls=5, open_s=0.05, longest_open_s=0.2)
PATIENCE_S = 60
CALLERS = 8
CALL_S = 0.2


class Watch(Unobserved):
    """Notes how the circuit stands, and who waits for it is told."""

    def __init__(self) -> None:
        self.state = CircuitState.CLOSED
        self.seen: set[CircuitState] = set()
        self._news = asyncio.Event()

    def circuit(self, state: CircuitState) -> None:
        self.state = state
        self.seen.add(state)
        self._news.set()

    async def until(self, state: CircuitState) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.state is not state:
                self._news.clear()
                await self._news.wait()


class Load:
    """Callers who ask again and again, each time for CALL_S at most."""

    def __init__(self, database: DatabaseAdapter) -> None:
        self._database = database
        self._calling = [asyncio.create_task(self._call()) for _ in range(CALLERS)]
        self._answered = asyncio.Semaphore(0)

    async def _call(self) -> None:
        while True:
            try:
                async with asyncio.timeout(CALL_S):
                    await self._database.check()
                self._answered.release()
            except (DomainError, TimeoutError):
                await asyncio.sleep(0.005)

    async def until_answered(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(times):
                await self._answered.acquire()

    async def stop(self) -> None:
        for each in self._calling:
            each.cancel()
        await asyncio.wait(self._calling)
        ended = await asyncio.gather(*self._calling, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


Server = PostgresqlServer | MariadbServer


@pytest.fixture(params=["postgresql", "mariadb"])
def server(
    request: pytest.FixtureRequest,
    postgresql_server: PostgresqlServer,
    mariadb_server: MariadbServer,
) -> Server:
    return postgresql_server if request.param == "postgresql" else mariadb_server


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def database(server: Server, watch: Watch) -> AsyncIterator[DatabaseAdapter]:
    url = server.url()
    limits = PoolLimits(size=4, overflow=0, timeout_s=5, breaker=RULES)
    async with await kind_of(url).open(url, limits, watch) as opened:
        yield opened


@pytest.mark.parametrize(("disturb", "mend"), [("stop", "start"), ("pause", "resume")])
async def test_calls_fail_at_once_while_it_is_away_and_succeed_afterwards(
    server: Server, database: DatabaseAdapter, watch: Watch, disturb: str, mend: str
) -> None:
    load = Load(database)
    try:
        getattr(server, disturb)()
        try:
            await watch.until(CircuitState.OPEN)
            await _fails_at_once(database)
        finally:
            getattr(server, mend)()
        await watch.until(CircuitState.CLOSED)
        await load.until_answered(CALLERS)
    finally:
        await load.stop()


async def test_a_server_that_answers_keeps_its_circuit_closed(
    database: DatabaseAdapter, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, nobody here gives up because of the server.
    monkeypatch.setattr("blrcs.database.pool.SLOW_CONNECT_S", PATIENCE_S)
    for _ in range(30):
        waiting = [asyncio.create_task(database.check()) for _ in range(CALLERS)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
    await database.check()
    assert watch.seen == set()


async def _fails_at_once(database: DatabaseAdapter) -> None:
    """One of the next calls is refused without being made: probes may come between."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with asyncio.timeout(CALL_S):
                    await database.check()
            except CircuitOpenError:
                return
            except (UnavailableError, TimeoutError):
                continue
