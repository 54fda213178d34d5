"""What a replica's place leads to when its connections are lost, while nobody looks."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.replicas.adapter import ReplicatedDatabase
from blrcs.database.replicas.group import ReplicaOptions
from tests.integration.database.replicated import (
    ADD,
    ALL,
    KEPT_S,
    RECOVERING,
    Observer,
    call,
    count,
    opened,
    shows,
    until,
)
from tests.servers.postgresql import (
    STREAMING,
    PostgresqlReplica,
    PostgresqlServer,
    postgresql,
    postgresql_replica,
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with postgresql(STREAMING) as server:
        yield server


@pytest.fixture(scope="module")
def replica(server: PostgresqlServer) -> Iterator[PostgresqlReplica]:
    with postgresql_replica(server) as replica:
        yield replica


@pytest.fixture
async def database(
    server: PostgresqlServer, replica: PostgresqlReplica
) -> AsyncIterator[ReplicatedDatabase]:
    """One with a replica that would not be dropped for its lag."""
    bound = ReplicaOptions(max_lag_s=KEPT_S)
    async with (
        await PostgresqlAdapter.open(server.url()) as primary,
        opened(primary, [replica.url()], Observer(), bound) as database,
    ):
        await until(lambda: reads_from_replica(database))
        await shows(database.stale, 0)
        yield database


async def reads_from_replica(database: ReplicatedDatabase) -> bool:
    row = await database.stale.fetch_one(RECOVERING)
    assert row is not None
    return bool(row.flag)


async def test_one_that_comes_back_behind_where_it_was_is_not_taken_for_what_it_was(
    database: ReplicatedDatabase, server: PostgresqlServer, replica: PostgresqlReplica
) -> None:
    """A replica opens to readers before it has applied again what its crash undid."""
    server.checkpoint()
    with call(await database.token()):
        await until(lambda: reads_from_replica(database))
    replica.keep()
    await database.execute(ADD, id="a", value=1)
    token = await database.token()
    with call(token):
        await until(lambda: reads_from_replica(database))
        assert await count(database.stale) == 1
    await database._monitor.stop()
    replica.crash_and_fall_behind()
    try:
        with call(token):
            assert await count(database.stale) == 1
            async with database.stale.snapshot() as transaction:
                assert len(await transaction.fetch_all(ALL)) == 1
            both = await asyncio.gather(count(database.stale), count(database.stale))
            assert tuple(both) == (1, 1)
        assert await shows_less(replica)
    finally:
        replica.catch_up()
    with call(token):
        await until(lambda: reads_from_replica(database))
        assert await count(database.stale) == 1


async def shows_less(replica: PostgresqlReplica) -> bool:
    async with await PostgresqlAdapter.open(replica.url()) as database:
        return await count(database) == 0


async def test_another_server_in_its_place_is_never_read(
    database: ReplicatedDatabase, replica: PostgresqlReplica
) -> None:
    await database._monitor.stop()
    replica.stop()
    try:
        with postgresql({**STREAMING, "port": str(replica.port)}):
            assert not await reads_from_replica(database)
            assert await count(database.stale) == 0, "there is no such table elsewhere"
    finally:
        replica.start()
    await until(lambda: reads_from_replica(database))
