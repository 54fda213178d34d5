"""The exchange of an index of PostgreSQL while others use its table."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.kind import kind_of
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.migrations.road import MigrationRoad
from blrcs.database.migrations.running import differences, move, write_sql
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.tables import metadata
from tests.conformance.database.postgresql.bank import until
from tests.servers.postgresql import PostgresqlServer

NAME = "exchanged"
MIGRATORS = 4
TIMEOUT_S = 60
BEFORE, AFTER = "0011", "0012"
ADD = (
    "INSERT INTO record_index (tenant, collection, record_id, path_id, text_value)"
    " VALUES ('acme', 'orders', $1, 1, 'x')"
)
# Builds one, or drops what was left of it, and waits for those that have begun before.
BUILDING = (
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '% INDEX CONCURRENTLY %'"
    f" AND datname = '{NAME}' AND wait_event_type = 'Lock'"
)
INDEXES = (
    "SELECT relname::text, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
    " WHERE relname IN ('ix_record_index_text', 'ix_record_index_order') ORDER BY 1"
)


class Exchange:
    """A database with a row in the table, on which the exchange is to be run."""

    def __init__(self, url: str, connections: list[asyncpg.Connection]) -> None:
        self.url = url
        self.road: MigrationRoad = kind_of(url).road(url)
        self.one, self.other = connections

    async def go(self, target: str) -> None:
        await self.road.run(partial(move, place="here", branch=BLRCS, target=target))

    async def indexes(self) -> dict[str, bool]:
        return dict(await self.one.fetch(INDEXES))

    async def building(self) -> int:
        """Who builds, as soon as it waits."""
        pid: int = await until(lambda: self.other.fetchval(BUILDING))
        return pid


@pytest.fixture
async def exchange(postgresql_server: PostgresqlServer) -> AsyncIterator[Exchange]:
    postgresql_server.create_database(NAME)
    url = postgresql_server.url(NAME)
    await bring_up_to_date(kind_of(url).road(url))
    connections = [await asyncpg.connect(url) for _ in range(2)]
    exchange = Exchange(url, connections)
    await exchange.go(BEFORE)
    await exchange.one.execute(ADD, "first")
    yield exchange
    for each in connections:
        each.terminate()
    admin = await asyncpg.connect(postgresql_server.url())
    await admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
    admin.terminate()


async def test_others_read_and_write_meanwhile(exchange: Exchange) -> None:
    for target, left in ((AFTER, "order"), (BEFORE, "text")):
        writing = exchange.one.transaction()
        await writing.start()
        await exchange.one.execute(ADD, f"to {target}")
        migrating = asyncio.create_task(exchange.go(target))
        await exchange.building()
        # Who waited for the table would be behind it.
        async with asyncio.timeout(TIMEOUT_S):
            await exchange.other.execute(ADD, f"beside {target}")
            assert await exchange.other.fetchval("SELECT count(*) FROM record_index") >= 2
        await writing.commit()
        await asyncio.wait_for(migrating, TIMEOUT_S)
        assert await exchange.indexes() == {f"ix_record_index_{left}": True}
    assert await exchange.one.fetchval("SELECT count(*) FROM record_index") == 5


async def test_what_was_killed_is_built_anew_by_several_at_once(exchange: Exchange) -> None:
    writing = exchange.one.transaction()
    await writing.start()
    await exchange.one.execute(ADD, "second")
    migrating = asyncio.create_task(exchange.go(AFTER))
    await exchange.other.execute("SELECT pg_terminate_backend($1)", await exchange.building())
    with pytest.raises(DatabaseOpenError):
        await migrating
    await writing.commit()
    assert await exchange.indexes() == {
        "ix_record_index_order": False,
        "ix_record_index_text": True,
    }
    assert await exchange.road.stored(["alembic_version"]) == [BEFORE]

    writing = exchange.one.transaction()
    await writing.start()
    await exchange.one.execute(ADD, "third")
    several = [asyncio.create_task(bring_up_to_date(exchange.road)) for _ in range(MIGRATORS)]
    await exchange.building()
    await writing.commit()
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*several)
    assert await exchange.indexes() == {"ix_record_index_order": True}
    assert await exchange.road.run(partial(differences, metadata=metadata)) == []


async def test_one_that_was_killed_after_it_built_goes_on(exchange: Exchange) -> None:
    await exchange.go(AFTER)
    # As if only the revision were not stored.
    await exchange.one.execute(f"UPDATE alembic_version SET version_num = '{BEFORE}'")
    await bring_up_to_date(exchange.road)
    assert await exchange.indexes() == {"ix_record_index_order": True}


async def test_in_an_empty_table_one_that_was_left_unfinished_is_built_anew(
    exchange: Exchange,
) -> None:
    await exchange.one.execute("DELETE FROM record_index")
    await exchange.one.execute(
        "CREATE INDEX ix_record_index_order ON record_index"
        " (tenant, collection, path_id, text_value, record_id)"
    )
    await exchange.one.execute(
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'ix_record_index_order'::regclass"
    )
    await bring_up_to_date(exchange.road)
    assert await exchange.indexes() == {"ix_record_index_order": True}


def test_what_is_written_down_is_outside_of_transactions() -> None:
    lines = [line for line in write_sql("postgresql", BLRCS, BEFORE, AFTER).splitlines() if line]
    begun = False
    for line in lines:
        begun = (begun or line == "BEGIN;") and line != "COMMIT;"
        assert not (begun and "CONCURRENTLY" in line)
    assert sum("CONCURRENTLY" in line for line in lines) == 2
