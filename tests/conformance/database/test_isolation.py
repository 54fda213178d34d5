"""Histories of concurrent transactions show nothing that their isolation forbids."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.database.adapter import DatabaseAdapter, Isolation
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.sqlite.adapter import SqliteAdapter
from tests.conformance.database.histories.checker import anomalies
from tests.conformance.database.histories.workload import (
    ADD,
    CLIENTS,
    KEYS,
    Recorded,
    Recorder,
    lists,
    make_history,
)
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

SEEDS = range(2)
NAME = "histories"
SERVERS = ("postgresql", "mariadb")


@pytest.fixture(params=("sqlite", *SERVERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def postgresql_url(postgresql_server: PostgresqlServer) -> str:
    postgresql_server.create_database(NAME)
    # Many meet here, and nobody is to wait a second to find out.
    return postgresql_server.url(NAME, query="?deadlock_timeout=10ms")


@pytest.fixture
async def database(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[DatabaseAdapter]:
    """A database with empty lists."""
    async with _opened(kind, tmp_path, request) as database:
        await database.define(CreateTable(lists))
        await database.execute_many(ADD, [{"id": key, "elements": ""} for key in KEYS])
        yield database
        await database.define(DropTable(lists))


@asynccontextmanager
async def _opened(
    kind: str, folder: Path, request: pytest.FixtureRequest
) -> AsyncIterator[DatabaseAdapter]:
    if kind == "sqlite":
        opened: DatabaseAdapter = SqliteAdapter.open(folder / "test.db")
    elif kind == "postgresql":
        opened = await PostgresqlAdapter.open(request.getfixturevalue("postgresql_url"))
    else:
        server: MariadbServer = request.getfixturevalue("mariadb_server")
        opened = await MysqlAdapter.open(server.url())
    async with opened as database:
        yield database


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("isolation", Isolation)
async def test_nothing_that_is_forbidden_happens(
    database: DatabaseAdapter, isolation: Isolation, seed: int
) -> None:
    history = await make_history(database, isolation, seed)
    assert anomalies(history, isolation) == []
    assert sum(run.committed for run in history) > 2 * CLIENTS


Step = Callable[[Recorded], Awaitable[object]]


async def interleaved(recorder: Recorder, *steps: tuple[int, Step]) -> None:
    """Runs the steps of two transactions in their order."""
    both: list[Recorded] = []

    async def inner(recorded: Recorded) -> None:
        both.append(recorded)
        for number, step in steps:
            await step(both[number])

    async def outer(recorded: Recorded) -> None:
        both.append(recorded)
        await recorder.run(inner)

    await recorder.run(outer)


def read(key: str) -> Step:
    return lambda recorded: recorded.read(key)


def append(key: str) -> Step:
    return lambda recorded: recorded.append(key)


@pytest.mark.parametrize("kind", SERVERS)
async def test_write_skew_is_found_where_only_snapshots_are_promised(
    database: DatabaseAdapter,
) -> None:
    recorder = Recorder(database, Isolation.REPEATABLE_READ)
    await interleaved(recorder, (0, read("a")), (1, read("b")), (0, append("b")), (1, append("a")))
    history = await recorder.finish()
    assert all(run.committed for run in history)
    assert [each.name for each in anomalies(history, Isolation.SERIALIZABLE)] == ["G2"]
    assert anomalies(history, Isolation.REPEATABLE_READ) == []


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_fuzzy_read_is_found_where_only_what_is_committed_is_promised(
    database: DatabaseAdapter,
) -> None:
    recorder = Recorder(database, Isolation.READ_COMMITTED)

    async def body(recorded: Recorded) -> None:
        await recorded.read("a")
        await recorder.run(append("a"))
        await recorded.read("a")

    await recorder.run(body)
    history = await recorder.finish()
    assert [each.name for each in anomalies(history, Isolation.REPEATABLE_READ)] == ["G-SI"]
    assert anomalies(history, Isolation.READ_COMMITTED) == []
