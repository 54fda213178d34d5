"""Reads from a real replica of MariaDB, by global transaction identifiers."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.replicas.adapter import ReplicatedDatabase
from blrcs.database.replicas.group import ReplicaOptions
from blrcs.database.statement import Statement
from tests.integration.database.replicated import (
    ADD,
    CLOSE_S,
    KEPT_S,
    Observer,
    call,
    count,
    opened,
    shows,
    until,
)
from tests.servers.mariadb import PRIMARY, MariadbReplica, MariadbServer, mariadb, mariadb_replica

SERVER = Statement(sa.select(sa.literal_column("@@server_id").label("number")))
FAR = "gtid.0-1-18446744073709551615"


@pytest.fixture(scope="module")
def server() -> Iterator[MariadbServer]:
    with mariadb(PRIMARY) as server:
        yield server


@pytest.fixture(scope="module")
def replica(server: MariadbServer) -> Iterator[MariadbReplica]:
    with mariadb_replica(server) as replica:
        yield replica


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def max_lag_s() -> float:
    return KEPT_S


@pytest.fixture
async def database(
    server: MariadbServer, replica: MariadbReplica, observer: Observer, max_lag_s: float
) -> AsyncIterator[ReplicatedDatabase]:
    options = ReplicaOptions(max_lag_s=max_lag_s)
    async with (
        await MysqlAdapter.open(server.url()) as primary,
        opened(primary, [replica.url()], observer, options) as database,
    ):
        await until(lambda: reads_from_replica(database))
        await shows(database.stale, 0)
        yield database


@pytest.fixture
def held(replica: MariadbReplica) -> Iterator[MariadbReplica]:
    """It, applying nothing until it is told to go on."""
    replica.hold()
    yield replica
    replica.go_on()


async def reads_from_replica(database: ReplicatedDatabase) -> bool:
    row = await database.stale.fetch_one(SERVER)
    assert row is not None
    return bool(row.number == 2)


async def reads_from_primary(database: ReplicatedDatabase) -> bool:
    return not await reads_from_replica(database)


async def test_who_shows_a_token_sees_what_it_stands_for(
    database: ReplicatedDatabase, held: MariadbReplica
) -> None:
    await database.execute(ADD, id="a", value=1)
    token = await database.token()
    assert await count(database.stale) == 0
    with call(token):
        assert await count(database.stale) == 1
        assert await reads_from_primary(database)
    held.go_on()
    with call(token):
        await until(lambda: reads_from_replica(database))
        assert await count(database.stale) == 1


async def test_many_writes_and_reads_miss_nothing(
    database: ReplicatedDatabase, observer: Observer
) -> None:
    observer.reads.clear()
    for number in range(100):
        await database.execute(ADD, id=f"{number}", value=number)
        with call(await database.token()):
            assert await count(database.stale) == number + 1
    assert observer.reads["replica1"] > 0


@pytest.mark.parametrize("token", [FAR, "wal.1", "gtid.", ""])
async def test_a_token_that_nobody_gave_is_answered(
    database: ReplicatedDatabase, token: str
) -> None:
    with call(token):
        assert await reads_from_primary(database) is (token != "gtid.")
    assert await reads_from_replica(database)


@pytest.mark.parametrize("max_lag_s", [CLOSE_S])
async def test_one_that_lags_is_dropped_and_taken_back(
    database: ReplicatedDatabase, held: MariadbReplica
) -> None:
    await database.execute(ADD, id="a", value=1)
    await shows(database.stale, 1)
    assert await reads_from_primary(database)
    held.go_on()
    await until(lambda: reads_from_replica(database))
    assert await count(database.stale) == 1


@pytest.mark.parametrize("max_lag_s", [CLOSE_S])
async def test_one_that_stops_costs_no_read(
    database: ReplicatedDatabase, replica: MariadbReplica
) -> None:
    replica.stop()
    try:
        assert await reads_from_primary(database)
    finally:
        replica.start()
    await until(lambda: reads_from_replica(database))


@pytest.mark.parametrize("max_lag_s", [CLOSE_S])
async def test_one_that_is_cut_off_from_its_primary_is_dropped(
    database: ReplicatedDatabase, replica: MariadbReplica, observer: Observer
) -> None:
    """It has all that it was ever sent, and yet what it has grows old."""

    async def is_old() -> bool:
        return (observer.lags["replica1"] or 0) > 5 * CLOSE_S

    replica.cut_off()
    try:
        await database.execute(ADD, id="a", value=1)
        await until(is_old)
        assert not observer.usable["replica1"]
        assert await reads_from_primary(database)
        assert await count(database.stale) == 1
    finally:
        replica.reconnect()
    await until(lambda: reads_from_replica(database))
    assert await count(database.stale) == 1


async def test_one_that_is_killed_costs_no_read_and_misses_nothing_when_it_is_back(
    database: ReplicatedDatabase, replica: MariadbReplica, observer: Observer
) -> None:
    done = asyncio.Event()

    async def client() -> int:
        reads = 0
        while not done.is_set():
            assert await count(database.stale) in (0, 1)
            reads += 1
        return reads

    async def usable() -> bool:
        return observer.usable["replica1"]

    async def unusable() -> bool:
        return not observer.usable["replica1"]

    clients = [asyncio.create_task(client()) for _ in range(8)]
    await until(usable)
    replica.kill()
    try:
        await until(unusable)
        await database.execute(ADD, id="a", value=1)
        token = await database.token()
    finally:
        replica.start()
    await until(usable)
    with call(token):
        await until(lambda: reads_from_replica(database))
        assert await count(database.stale) == 1
    done.set()
    assert all(await asyncio.gather(*clients))
